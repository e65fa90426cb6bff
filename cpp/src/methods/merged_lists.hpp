// The best rows of every embedding element, merged from the lists of several parts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "methods/leaderboards.hpp"

namespace thinset {

// What a Dealer needs of its boards, for rows that are elsewhere.
class MergedLists {
 public:
  // Few of all rows.
  using Taken = std::unordered_set<std::size_t>;
  static bool is_taken(const Taken& taken, std::size_t row) { return taken.contains(row); }
  static void take(Taken& taken, std::size_t row) { taken.insert(row); }
  static constexpr bool has_every_row = false;

  struct Entry {
    double score;
    std::size_t row;
    double activation;

    friend bool operator<(const Entry& a, const Entry& b) {
      return Candidate{a.score, a.row} < Candidate{b.score, b.row};
    }
  };

  // Every list added is the best `depth` rows of a part, or all of them.
  MergedLists(std::size_t n_columns, std::size_t depth) : depth_(depth), boards_(n_columns) {}

  // `list` is sorted. No more than the best `depth` of all rows are complete, so no more are kept.
  void add(std::size_t column, const std::vector<Entry>& list) {
    std::vector<Entry>& kept = boards_[column].entries;
    std::vector<Entry> merged(kept.size() + list.size());
    std::merge(kept.begin(), kept.end(), list.begin(), list.end(), merged.begin());
    merged.resize(std::min(depth_, merged.size()));
    kept = std::move(merged);
  }
  void set_constant_columns(std::vector<std::size_t> columns) {
    constant_columns_ = std::move(columns);
  }

  std::optional<Entry> next(std::size_t column, const Taken& skipped) {
    Board& board = boards_[column];
    while (board.n_read < board.entries.size()) {
      const Entry& entry = board.entries[board.n_read++];
      if (!skipped.contains(entry.row)) {
        return entry;
      }
    }
    return std::nullopt;
  }
  [[nodiscard]] std::size_t n_read(std::size_t column) const { return boards_[column].n_read; }
  [[nodiscard]] const std::vector<std::size_t>& constant_columns() const {
    return constant_columns_;
  }
  [[nodiscard]] static double activation(const Entry& entry, std::size_t /*column*/) {
    return entry.activation;
  }

 private:
  struct Board {
    std::vector<Entry> entries;
    std::size_t n_read = 0;
  };

  std::size_t depth_;
  std::vector<Board> boards_;
  std::vector<std::size_t> constant_columns_;
};

}  // namespace thinset
