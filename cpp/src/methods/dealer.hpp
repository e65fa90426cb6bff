// How the elements of top-k selection share out the picks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "methods/picks.hpp"
#include "methods/terms.hpp"
#include "thinset/error.hpp"
#include "thinset/method_options.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// The number of rows per element that the first pass over n rows keeps, to deal k of them from d
// elements: as many as there are rounds, and a reserve for rows that elements share. To read few
// rows once more costs less than a long reserve.
inline std::size_t depth_to_deal(std::size_t n, std::size_t k, std::size_t d) {
  const std::size_t n_rounds = (k + d - 1) / d;
  const std::size_t reserve = std::clamp<std::size_t>(n / 20'000, 2, 16);
  return std::min(k, 2 * n_rounds + reserve);
}

// Deals boards of the best rows of every element out in rounds. A row that is already taken is
// skipped: with refill the element takes its next best instead, without refill its turn is lost.
// While is_done() is false, fill the boards to depth() with rows that are not taken() and deal().
//
// The picks do not depend on how deep the boards are, nor on where they come from: the rows of one
// matrix (Leaderboards) or lists of several parts (MergedLists).
template <class Boards>
class Dealer {
  using Taken = typename Boards::Taken;

 public:
  // `taken` are the rows that are not open, and must be able to hold all others.
  Dealer(std::size_t n_rows, std::size_t n_columns, std::size_t k, const TopKOptions& options,
         Taken taken, Terms& terms)
      : terms_(terms),
        options_(options),
        n_rows_(n_rows),
        n_columns_(n_columns),
        k_(k),
        taken_(std::move(taken)) {
    picks_.rows.reserve(k);
    picks_.gains.reserve(k);
    plan();
  }

  // Picks a row of the initial subset. Before deal().
  void take_first(std::size_t row) {
    take(row, 0.0);
    plan();
  }
  // Counts a pick that is not in the result. Before deal().
  void take_out(std::size_t row) {
    Boards::take(taken_, row);
    terms_.pick(row, [&](std::size_t closed) { Boards::take(taken_, closed); });
    plan();
  }

  [[nodiscard]] bool is_done() const { return is_done_; }
  [[nodiscard]] std::size_t depth() const { return depth_; }
  [[nodiscard]] const Taken& taken() const { return taken_; }
  // Of each element whether it can have a turn before the picks are complete; empty if all can.
  [[nodiscard]] std::vector<char> needed_columns() const {
    const std::size_t missing = k_ - picks_.rows.size();
    // Which element's turn it is depends on the columns that are dropped.
    if (missing >= n_columns_ || options_.drop_constant) {
      return {};
    }
    std::vector<char> needed(n_columns_, 0);
    for (std::size_t turn = 0; turn < missing; ++turn) {
      needed[(turn_ + turn) % n_columns_] = 1;
    }
    return needed;
  }
  [[nodiscard]] const Picks& picks() const { return picks_; }
  [[nodiscard]] Picks result() && { return std::move(picks_); }

  // Deals as far as the boards reach. `boards` hold at least the best depth() rows of every element
  // that are not taken(), or all of them.
  void deal(Boards& boards, Job& job) {
    choose_columns(boards.constant_columns());
    if (!options_.refill) {
      // Constant columns are dropped only once they are known.
      const std::size_t needed = depth_of_union(columns_.size());
      if (depth_ >= needed) {
        deal_union(boards, job);
        is_done_ = true;
      }
      depth_ = needed;
      return;
    }
    depth_per_round_ = deal_round_robin(boards, job);
    is_done_ = picks_.rows.size() == k_ || (terms_.limits && terms_.limits->n_open() == 0);
    plan();
  }

 private:
  void plan() {
    if (!options_.refill) {
      depth_ = depth_of_union(n_columns_);
      return;
    }
    // Enough for the remaining rounds if few rows are shared; otherwise one and a half times as
    // many as the exhausted board took for its rounds. Taken rows are excluded, so a board never
    // needs more than the remaining picks.
    const std::size_t missing = k_ - picks_.rows.size();
    const auto rounds = static_cast<double>(missing / n_columns_ + 1);
    const auto wanted = std::min(1.5 * rounds * depth_per_round_, static_cast<double>(missing));
    depth_ =
        std::min(missing, std::max(std::min(static_cast<std::size_t>(wanted), options_.max_depth),
                                   depth_to_deal(n_rows_, missing, n_columns_)));
  }

  // Only while no row is dealt.
  [[nodiscard]] std::size_t depth_of_union(std::size_t n_columns) const {
    return (k_ - picks_.rows.size() + n_columns - 1) / n_columns;
  }

  void choose_columns(const std::vector<std::size_t>& constant) {
    columns_.resize(n_columns_);
    std::iota(columns_.begin(), columns_.end(), std::size_t{0});
    if (options_.drop_constant) {
      std::erase_if(columns_,
                    [&](std::size_t j) { return std::ranges::binary_search(constant, j); });
      if (columns_.empty()) {
        throw InvalidInput("drop_constant leaves no embedding element: all " +
                           std::to_string(n_columns_) + " columns are constant");
      }
    }
  }

  void take(std::size_t row, double gain) {
    picks_.rows.push_back(row);
    picks_.gains.push_back(gain);
    Boards::take(taken_, row);
    terms_.pick(row, [&](std::size_t closed) { Boards::take(taken_, closed); });
  }

  template <class Candidate>
  void take_best(const Boards& boards, const Candidate& candidate, std::size_t column) {
    const std::size_t row = candidate.row;
    take(row, boards.activation(candidate, column) * terms_.factor(row));
    if constexpr (Boards::has_every_row) {
      for (const std::size_t companion : terms_.companions(row)) {
        take(companion, boards.activation_of(companion, column) * terms_.factor(companion));
      }
    }
  }

  void deal_union(Boards& boards, Job& job) {
    const Taken excluded = taken_;  // other rows that are taken cost the turn
    const std::size_t n_turns = k_ - picks_.rows.size();
    for (std::size_t turn = 0; turn < n_turns; ++turn) {
      check_at_times(job);
      const std::size_t column = columns_[turn % columns_.size()];
      const auto best = boards.next(column, excluded);
      if (best && !Boards::is_taken(taken_, best->row)) {
        take_best(boards, *best, column);
      }
    }
  }

  // Continues with the element whose turn it is; stops at k picks or when a board is exhausted.
  // Returns the rows of that board used per round.
  double deal_round_robin(Boards& boards, Job& job) {
    const std::size_t n_before = picks_.rows.size();
    while (picks_.rows.size() < k_) {
      const std::size_t column = columns_[turn_];
      const auto best = boards.next(column, taken_);
      if (!best) {
        const std::size_t n_rounds = (picks_.rows.size() - n_before) / columns_.size() + 1;
        return static_cast<double>(boards.n_read(column)) / static_cast<double>(n_rounds);
      }
      take_best(boards, *best, column);
      check_at_times(job);
      turn_ = (turn_ + 1) % columns_.size();
    }
    return 0.0;
  }

  // A turn takes nanoseconds, reading the clock takes longer.
  void check_at_times(Job& job) {
    if (++n_turns_ % 1024 == 0) {
      job.check();
    }
  }

  Terms& terms_;
  TopKOptions options_;
  std::size_t n_rows_;
  std::size_t n_columns_;
  std::size_t k_;
  Taken taken_;
  Picks picks_;
  std::vector<std::size_t> columns_;  // the dealing columns
  std::size_t depth_ = 0;
  double depth_per_round_ = 0.0;
  std::size_t turn_ = 0;
  std::uint64_t n_turns_ = 0;
  bool is_done_ = false;
};

}  // namespace thinset
