#include "thinset/top_k.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "thinset/error.hpp"
#include "thinset/row_kernels.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;

// A row's standing in one element. Ordered from best to worst; ties go to the lower row.
struct Candidate {
  double score;
  std::size_t row;

  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  }
};

double score_of(double activation, TopKMode mode) {
  switch (mode) {
    case TopKMode::max:
      return activation;
    case TopKMode::min:
      return -activation;
    case TopKMode::abs:
      return std::fabs(activation);
  }
  return activation;
}

// The best `depth` rows of every element that nobody has taken yet, best first.
template <class T>
class Leaderboards {
 public:
  Leaderboards(const Rows<T>& rows, std::vector<std::size_t> columns, TopKMode mode)
      : rows_(rows), columns_(std::move(columns)), mode_(mode), boards_(columns_.size()) {}

  [[nodiscard]] std::size_t n_boards() const { return columns_.size(); }
  [[nodiscard]] const std::vector<Candidate>& board(std::size_t b) const { return boards_[b]; }

  [[nodiscard]] double activation(std::size_t row, std::size_t b) const {
    double value = 0.0;
    row_kernels<T>().widen(rows_.row(row) + columns_[b], &value, 1);
    return value;
  }

  void fill(std::size_t depth, const std::vector<bool>& taken, Job& job) {
    // Every thread keeps heaps of its own with the worst candidate in front; rows come to a thread
    // in rising order, so a later row never displaces an equal one.
    std::vector<std::vector<std::vector<Candidate>>> heaps(job.n_threads());
    job.parallel_for(rows_.size(), rows_per_block,
                     [&](std::size_t begin, std::size_t end, unsigned thread) {
                       auto& mine = heaps[thread];
                       mine.resize(columns_.size());
                       std::vector<double> values(rows_.n_columns());
                       for (std::size_t i = begin; i < end; ++i) {
                         if (!taken[i]) {
                           offer(i, depth, values, mine);
                         }
                       }
                     });
    for (std::size_t b = 0; b < boards_.size(); ++b) {
      std::vector<Candidate>& board = boards_[b];
      board.clear();
      for (auto& mine : heaps) {
        if (!mine.empty()) {
          board.insert(board.end(), mine[b].begin(), mine[b].end());
        }
      }
      std::sort(board.begin(), board.end());
      board.resize(std::min(board.size(), depth));
    }
  }

 private:
  void offer(std::size_t row, std::size_t depth, std::vector<double>& values,
             std::vector<std::vector<Candidate>>& heaps) const {
    row_kernels<T>().widen(rows_.row(row), values.data(), values.size());
    for (std::size_t b = 0; b < columns_.size(); ++b) {
      const Candidate candidate{score_of(values[columns_[b]], mode_), row};
      std::vector<Candidate>& heap = heaps[b];
      if (heap.size() < depth) {
        heap.push_back(candidate);
        std::push_heap(heap.begin(), heap.end());
      } else if (candidate < heap.front()) {
        std::pop_heap(heap.begin(), heap.end());
        heap.back() = candidate;
        std::push_heap(heap.begin(), heap.end());
      }
    }
  }

  Rows<T> rows_;
  std::vector<std::size_t> columns_;
  TopKMode mode_;
  std::vector<std::vector<Candidate>> boards_;
};

std::vector<std::size_t> live_columns(const ColumnSummary& summary, bool drop_constant) {
  std::vector<std::size_t> columns(summary.min.size());
  std::iota(columns.begin(), columns.end(), std::size_t{0});
  if (drop_constant) {
    std::erase_if(columns, [&](std::size_t j) { return summary.min[j] == summary.max[j]; });
    if (columns.empty()) {
      throw InvalidInput("drop_constant leaves no embedding element: all " +
                         std::to_string(summary.min.size()) + " columns are constant");
    }
  }
  return columns;
}

// Deals the boards out in rounds. A row that is already taken is passed over: with refill the
// element takes its next best instead, without it the turn is lost.
template <class T>
class Dealer {
 public:
  Dealer(Leaderboards<T>& boards, std::size_t n_rows) : boards_(boards), taken_(n_rows, false) {}

  void take(std::size_t row, double gain) {
    taken_[row] = true;
    picks_.rows.push_back(row);
    picks_.gains.push_back(gain);
  }

  Picks deal_until(std::size_t k, Job& job) {
    std::size_t depth = 0;
    while (picks_.rows.size() < k) {
      // Enough for the rounds left if few rows are shared; doubled where that falls short. Taken
      // rows are left out, so a board never needs more than the picks still missing.
      const std::size_t missing = k - picks_.rows.size();
      const std::size_t rounds = missing / boards_.n_boards() + 1;
      depth = std::min(missing, std::max(2 * depth, 2 * rounds + 16));
      boards_.fill(depth, taken_, job);
      deal_round_robin(k);
      job.check();
    }
    return std::move(picks_);
  }

  Picks deal_union(std::size_t k, Job& job) {
    boards_.fill((k + boards_.n_boards() - 1) / boards_.n_boards(), taken_, job);
    for (std::size_t turn = 0; turn < k; ++turn) {
      const std::size_t b = turn % boards_.n_boards();
      const std::size_t rank = turn / boards_.n_boards();
      if (rank >= boards_.board(b).size()) {
        continue;
      }
      const std::size_t row = boards_.board(b)[rank].row;
      if (!taken_[row]) {
        take(row, boards_.activation(row, b));
      }
    }
    return std::move(picks_);
  }

 private:
  // Continues with the element whose turn it is; stops at k picks or where a board runs out.
  void deal_round_robin(std::size_t k) {
    std::vector<std::size_t> next(boards_.n_boards(), 0);
    while (picks_.rows.size() < k) {
      const std::vector<Candidate>& board = boards_.board(turn_);
      std::size_t& position = next[turn_];
      while (position < board.size() && taken_[board[position].row]) {
        ++position;
      }
      if (position == board.size()) {
        return;
      }
      const std::size_t row = board[position].row;
      take(row, boards_.activation(row, turn_));
      turn_ = (turn_ + 1) % boards_.n_boards();
    }
  }

  Leaderboards<T>& boards_;
  std::vector<bool> taken_;
  Picks picks_;
  std::size_t turn_ = 0;
};

}  // namespace

TopKMode top_k_mode_from_name(std::string_view name) {
  if (name == "max") return TopKMode::max;
  if (name == "min") return TopKMode::min;
  if (name == "abs") return TopKMode::abs;
  throw InvalidInput("mode must be one of max, min, abs; got '" + std::string(name) + "'");
}

template <class T>
Picks top_k(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k,
            const TopKOptions& options, std::span<const std::size_t> initial, Job& job) {
  Leaderboards<T> boards(rows, live_columns(summary, options.drop_constant), options.mode);
  Dealer<T> dealer(boards, rows.size());
  for (const std::size_t row : initial) {
    dealer.take(row, 0.0);
  }
  return options.refill ? dealer.deal_until(k, job) : dealer.deal_union(k - initial.size(), job);
}

#define THINSET_INSTANTIATE(T)                                                                \
  template Picks top_k(const Rows<T>&, const ColumnSummary&, std::size_t, const TopKOptions&, \
                       std::span<const std::size_t>, Job&);
THINSET_INSTANTIATE(float)
THINSET_INSTANTIATE(double)
THINSET_INSTANTIATE(Float16)
THINSET_INSTANTIATE(BFloat16)
#undef THINSET_INSTANTIATE

}  // namespace thinset
