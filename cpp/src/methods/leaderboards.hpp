// The best rows of every embedding element.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
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

// The best rows of one element, sorted only as far as requested.
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

 private:
  std::vector<Candidate> candidates_;
  std::size_t n_sorted_ = 0;
};

// At least the best `depth` rows of every element that are not taken yet.
template <class T>
class Leaderboards {
 public:
  // Scores count times `weights`: one per row, at most 2; or empty for 1.
  Leaderboards(const Rows<T>& rows, ScoreOf score, const std::vector<double>& weights, Job& job)
      : rows_(rows), score_(score), weights_(weights), job_(job), boards_(rows.n_columns()) {}

  // Reads every value. Throws InvalidInput that names the first value that is not finite. taken[i]
  // says whether row i is excluded.
  void fill(std::size_t depth, const std::vector<char>& taken);

  [[nodiscard]] Board& board(std::size_t column) { return boards_[column]; }
  // Elements that have the same value in every row; known after the boards are filled.
  [[nodiscard]] const std::vector<std::size_t>& constant_columns() const {
    return constant_columns_;
  }
  [[nodiscard]] double activation(const Candidate& candidate, std::size_t column) const;
  [[nodiscard]] double activation_of(std::size_t row, std::size_t column) const;

 private:
  using Thresholds = std::vector<double>;
  static constexpr double lowest = -std::numeric_limits<double>::infinity();

  [[nodiscard]] Thresholds no_thresholds() const { return Thresholds(rows_.n_columns(), lowest); }
  [[nodiscard]] Thresholds suggested_thresholds(std::size_t depth, const std::vector<char>& taken);
  // Returns false if a board has fewer than `at_least` rows, because the thresholds were too high.
  bool fill_above(const Thresholds& thresholds, std::size_t depth, const std::vector<char>& taken,
                  std::size_t at_least);
  void fetch(std::size_t row) const;

  Rows<T> rows_;
  ScoreOf score_;
  const std::vector<double>& weights_;
  Job& job_;
  std::vector<Board> boards_;
  std::vector<std::size_t> constant_columns_;
};

// Does not depend on n_samples.
MemoryNeed leaderboards_memory(const SelectionSize& size, std::uint64_t depth);

}  // namespace thinset
