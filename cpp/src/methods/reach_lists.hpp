// For candidates, the rows that they may represent within a reach of each row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bounds/gain_bounds.hpp"
#include "bounds/rough_rows.hpp"
#include "rows/distance.hpp"
#include "rows/loss.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Lists of as many candidates as memory allows, in cyclic order from a given one: all candidates if
// the rows have few within reach. Candidates are measured against all rows in float32, some at a
// time.
template <class T>
class ReachLists {
 public:
  // Candidates are rows that are open.
  ReachLists(const RoughRows<T>& rough, const std::vector<bool>& is_open, Job& job);

  // Lists candidate `first` and the following ones. `reach` holds a loss for each row: the list of
  // a candidate has all rows with a smaller loss by it than their reach, ascending, and few others.
  void list(std::size_t first, const std::vector<double>& reach);

  // Replaces the lower bounds of losses by the losses, rounded down.
  void measure(const DistanceMeter<T>& meter, const Loss& loss);

  // How many candidates from this one on have lists, possibly past the last row to the first.
  [[nodiscard]] std::size_t n_listed_from(std::size_t candidate) const {
    const std::size_t n = lists_.size();
    const std::size_t position = candidate >= first_ ? candidate - first_ : candidate + n - first_;
    return position < n_listed_ ? (n_listed_ == n ? n : n_listed_ - position) : 0;
  }
  [[nodiscard]] std::size_t n_listed() const { return n_listed_; }
  [[nodiscard]] std::span<const Served> operator[](std::size_t candidate) const {
    return lists_[candidate];
  }

  static std::uint64_t bytes(std::uint64_t n_rows, std::uint64_t n_columns, unsigned n_threads);

 private:
  const RoughRows<T>& rough_;
  const std::vector<bool>& is_open_;
  Job& job_;
  GainBounds<T> few_;   // of any length
  GainBounds<T> many_;  // of short lists
  std::vector<std::span<Served>> lists_;
  std::vector<std::vector<Served>> batches_;
  std::size_t first_ = 0;
  std::size_t n_listed_ = 0;
};

}  // namespace thinset
