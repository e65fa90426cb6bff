// The best rows of every embedding element.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "rows/rows.hpp"
#include "rows/selection_size.hpp"
#include "simd/row_kernels.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// The score of a row in one element. Ordered from best to worst; ties go to the lower row.
struct Candidate {
  double score;
  std::size_t row;

  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  }
};

inline double score_from(double activation, ScoreOf score) {
  switch (score) {
    case ScoreOf::value:
      return activation;
    case ScoreOf::negative:
      return 0.0 - activation;
    case ScoreOf::magnitude:
      return std::fabs(activation);
  }
  return activation;
}

// The best rows of one element: candidates, sorted only as far as requested, and after them perhaps
// a run of rows that all have one score, which are not stored but looked up in ascending order.
class Board {
 public:
  Board() = default;
  explicit Board(std::vector<Candidate> candidates) : candidates_(std::move(candidates)) {}

  [[nodiscard]] std::size_t size() const { return candidates_.size(); }

  // The candidate at `rank`, 0 being the best. Requires rank < size().
  const Candidate& at(std::size_t rank) {
    if (rank >= n_sorted_) {
      sort_until(std::max(rank + 1, 2 * n_sorted_ + 16));
    }
    return candidates_[rank];
  }

  void sort_until(std::size_t rank) {
    const std::size_t end = std::min(size(), rank);
    if (end <= n_sorted_) {
      return;
    }
    const auto first = candidates_.begin() + static_cast<std::ptrdiff_t>(n_sorted_);
    const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(end);
    std::nth_element(first, last - 1, candidates_.end());
    std::sort(first, last - 1);
    n_sorted_ = end;
  }

  // The rows from `next_row` on with this score follow the candidates, and no other row with a
  // score as high is missing.
  struct Run {
    double score;
    std::size_t next_row;
  };
  std::optional<Run> run;
  std::size_t n_read = 0;  // of the candidates and the run

 private:
  std::vector<Candidate> candidates_;
  std::size_t n_sorted_ = 0;
};

// At least the best `depth` rows of every element that are not taken yet.
template <class T>
class Leaderboards {
 public:
  // By row.
  using Taken = std::vector<char>;
  static bool is_taken(const Taken& taken, std::size_t row) { return taken[row] != 0; }
  static void take(Taken& taken, std::size_t row) { taken[row] = 1; }
  static constexpr bool has_every_row = true;

  // Scores count times `weights`: one per row, at most 2; or empty for 1.
  Leaderboards(const Rows<T>& rows, ScoreOf score, const std::vector<double>& weights, Job& job)
      : rows_(rows),
        score_(score),
        weights_(weights),
        job_(job),
        boards_(rows.n_columns()),
        is_run_used_up_(rows.n_columns(), 0) {}

  // Reads every value. Throws InvalidInput that names the first value that is not finite. taken[i]
  // says whether row i is excluded. is_needed[j] says whether next() will ask for element j, all if
  // it is empty.
  void fill(std::size_t depth, const std::vector<char>& taken,
            const std::vector<char>& is_needed = {});

  // The best row of an element that is not skipped and that no earlier call since fill() returned;
  // none if its board is exhausted. skipped[i] is 1 at least for the rows that were taken at
  // fill().
  [[nodiscard]] std::optional<Candidate> next(std::size_t column, const std::vector<char>& skipped);
  // The number of rows of an element's board that next() has read.
  [[nodiscard]] std::size_t n_read(std::size_t column) const { return boards_[column].n_read; }
  // Elements that have the same value in every row; known after the boards are filled.
  [[nodiscard]] const std::vector<std::size_t>& constant_columns() const {
    return constant_columns_;
  }
  [[nodiscard]] double activation(const Candidate& candidate, std::size_t column) const;
  [[nodiscard]] double activation_of(std::size_t row, std::size_t column) const;

 private:
  struct Thresholds {
    std::vector<double> values;  // infinity for elements that are not needed
    // Whether it is the score of a long run of rows.
    std::vector<char> is_of_run;
    bool are_suggested = false;
  };
  static constexpr double lowest = -std::numeric_limits<double>::infinity();

  [[nodiscard]] Thresholds thresholds_at(double value, const std::vector<char>& is_needed) const;
  [[nodiscard]] Thresholds suggested_thresholds(std::size_t depth, const std::vector<char>& taken,
                                                const std::vector<char>& is_needed);
  // Returns false if a board has fewer than `at_least` rows, because the thresholds were too high.
  bool fill_above(const Thresholds& thresholds, std::size_t depth, const std::vector<char>& taken,
                  std::size_t at_least);
  void fetch(std::size_t row) const;

  Rows<T> rows_;
  ScoreOf score_;
  const std::vector<double>& weights_;
  Job& job_;
  std::vector<Board> boards_;
  std::vector<char> is_run_used_up_;
  std::vector<std::size_t> constant_columns_;
};

// Does not depend on n_samples.
MemoryNeed leaderboards_memory(const SelectionSize& size, std::uint64_t depth);

}  // namespace thinset
