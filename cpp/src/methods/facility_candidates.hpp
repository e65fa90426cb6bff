// The rows that facility location may still pick, by bounds of their gains.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bounds/gain_bounds.hpp"
#include "bounds/rough_rows.hpp"
#include "methods/candidate_heap.hpp"
#include "methods/coverage.hpp"
#include "methods/terms.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Candidates compete by their gain times their weight. Gains only shrink, so a stale one is an
// upper bound, and so is one from rough losses: only the top candidate is measured exactly. A
// candidate never serves a row later that it does not serve now, so its served rows are stored for
// the next evaluation, as far as memory allows.
template <class T>
class FacilityCandidates {
 public:
  // `coverage` holds the picks.
  FacilityCandidates(const RoughRows<T>& rough, Coverage<T>& coverage, const Terms& terms,
                     Job& job);

  [[nodiscard]] bool is_open(std::size_t row) const { return is_open_[row]; }
  // Picks the row, open or not, and returns its gain without its weight.
  double pick(std::size_t row);
  // The row may no longer be picked.
  void close(std::size_t row);

  // Fills the heap with upper bounds of gains, one per row.
  void start(const std::vector<double>& gains);
  // The row with the largest gain times its weight; the number of rows if none is open.
  std::size_t best();

  static std::uint64_t bytes(std::uint64_t n_rows, std::uint64_t n_columns, unsigned n_threads);

 private:
  void drop_closed();
  void refresh(std::size_t n_at_once);
  double bound_from_list(std::size_t candidate);
  void bound_batch();
  double measure(std::size_t row);
  [[nodiscard]] double weighted(std::size_t row, double gain) const {
    if (weights_.empty()) {
      return gain;
    }
    return weights_[row] == 0.0 ? 0.0 : gain * weights_[row];  // also for infinite bounds
  }

  const std::vector<double>& weights_;
  Job& job_;
  GainBounds<T> gain_bounds_;
  Coverage<T>& coverage_;
  std::vector<bool> is_open_;
  std::uint32_t n_picks_ = 0;

  CandidateHeap heap_;
  std::vector<Candidate> batch_;
  std::vector<Candidate> aside_;
  std::vector<std::uint32_t> batch_rows_;
  // Per candidate, whether its served rows are known, and the rows, ascending.
  std::vector<bool> is_listed_;
  std::vector<std::vector<Served>> served_;
  std::size_t n_left_;  // how many more may be stored

  std::size_t measured_row_ = 0;
  std::uint32_t n_picks_when_measured_ = 0;
  double measured_gain_ = 0.0;
};

}  // namespace thinset
