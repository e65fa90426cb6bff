#include "methods/top_k.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "methods/leaderboards.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

// The number of rows per element that the first pass keeps, to deal k rows from d elements.
std::size_t depth_to_deal(std::size_t k, std::size_t d) {
  return std::min(k, 2 * (k / d + 1) + 16);
}

ScoreOf score_for(TopKMode mode) {
  switch (mode) {
    case TopKMode::max:
      return ScoreOf::value;
    case TopKMode::min:
      return ScoreOf::negative;
    case TopKMode::abs:
      return ScoreOf::magnitude;
  }
  return ScoreOf::value;
}

// Deals the boards out in rounds. A row that is already taken is skipped: with refill the element
// takes its next best instead, without refill its turn is lost.
template <class T>
class Dealer {
 public:
  Dealer(const Rows<T>& rows, const TopKOptions& options, Terms& terms, Job& job)
      : terms_(terms),
        boards_(rows, score_for(options.mode), terms.weights, job),
        drop_constant_(options.drop_constant),
        max_depth_(options.max_depth),
        n_columns_(rows.n_columns()),
        taken_(rows.size(), 0) {
    for (std::size_t row = 0; terms.limits && row < rows.size(); ++row) {
      taken_[row] = static_cast<char>(!terms.limits->is_open(row));
    }
  }

  void reserve(std::size_t k) {
    picks_.rows.reserve(k);
    picks_.gains.reserve(k);
  }

  void take(std::size_t row, double gain) {
    picks_.rows.push_back(row);
    picks_.gains.push_back(gain);
    take_out(row);
  }
  // Counts a pick that is not in the result.
  void take_out(std::size_t row) {
    taken_[row] = 1;
    terms_.pick(row, [&](std::size_t closed) { taken_[closed] = 1; });
  }

  void deal_until(std::size_t k, Job& job) {
    double depth_per_round = 0.0;
    do {
      // Enough for the remaining rounds if few rows are shared; otherwise one and a half times as
      // many as the exhausted board took for its rounds. Taken rows are excluded, so a board never
      // needs more than the remaining picks.
      const std::size_t missing = k - picks_.rows.size();
      if (terms_.limits && std::ranges::count(taken_, 0) == 0) {
        return;
      }
      const auto rounds = static_cast<double>(missing / n_columns_ + 1);
      const auto wanted = std::min(1.5 * rounds * depth_per_round, static_cast<double>(missing));
      const std::size_t depth =
          std::min(missing, std::max(std::min(static_cast<std::size_t>(wanted), max_depth_),
                                     depth_to_deal(missing, n_columns_)));
      fill(depth);
      depth_per_round = deal_round_robin(k, job);
    } while (picks_.rows.size() < k);
  }

  void deal_union(std::size_t k, Job& job) {
    // Constant columns are dropped only once they are known: deep enough for that case too.
    fill((k + n_columns_ - 1) / n_columns_);
    if (columns_.size() < n_columns_) {
      fill((k + columns_.size() - 1) / columns_.size());
    }
    const std::vector<char> excluded = taken_;  // other rows that are taken cost the turn
    for (std::size_t turn = 0; turn < k; ++turn) {
      check_at_times(job);
      const std::size_t column = columns_[turn % columns_.size()];
      const std::optional<Candidate> best = boards_.next(column, excluded);
      if (best && taken_[best->row] == 0) {
        take_best(*best, column);
      }
    }
  }

  TopKPicks result() && { return {std::move(picks_), boards_.constant_columns()}; }

 private:
  void fill(std::size_t depth) {
    boards_.fill(depth, taken_);
    columns_.resize(n_columns_);
    std::iota(columns_.begin(), columns_.end(), std::size_t{0});
    if (drop_constant_) {
      std::erase_if(columns_, [&](std::size_t j) {
        return std::ranges::binary_search(boards_.constant_columns(), j);
      });
      if (columns_.empty()) {
        throw InvalidInput("drop_constant leaves no embedding element: all " +
                           std::to_string(n_columns_) + " columns are constant");
      }
    }
  }

  void take_best(const Candidate& candidate, std::size_t column) {
    const std::size_t row = candidate.row;
    take(row, boards_.activation(candidate, column) * terms_.factor(row));
    for (const std::size_t companion : terms_.companions(row)) {
      take(companion, boards_.activation_of(companion, column) * terms_.factor(companion));
    }
  }

  // A turn takes nanoseconds, reading the clock takes longer.
  void check_at_times(Job& job) {
    if (++n_turns_ % 1024 == 0) {
      job.check();
    }
  }

  // Continues with the element whose turn it is; stops at k picks or when a board is exhausted.
  // Returns the rows of that board used per round.
  double deal_round_robin(std::size_t k, Job& job) {
    const std::size_t n_before = picks_.rows.size();
    while (picks_.rows.size() < k) {
      const std::size_t column = columns_[turn_];
      const std::optional<Candidate> best = boards_.next(column, taken_);
      if (!best) {
        const std::size_t n_rounds = (picks_.rows.size() - n_before) / columns_.size() + 1;
        return static_cast<double>(boards_.n_read(column)) / static_cast<double>(n_rounds);
      }
      take_best(*best, column);
      check_at_times(job);
      turn_ = (turn_ + 1) % columns_.size();
    }
    return 0.0;
  }

  Terms& terms_;
  Leaderboards<T> boards_;
  bool drop_constant_;
  std::size_t max_depth_;
  std::size_t n_columns_;
  std::vector<std::size_t> columns_;  // the dealing columns
  std::vector<char> taken_;
  Picks picks_;
  std::size_t turn_ = 0;
  std::uint64_t n_turns_ = 0;
};

}  // namespace

TopKMode top_k_mode_from_name(std::string_view name) {
  if (name == "max") return TopKMode::max;
  if (name == "min") return TopKMode::min;
  if (name == "abs") return TopKMode::abs;
  throw InvalidInput("mode must be one of max, min, abs; got '" + std::string(name) + "'");
}

template <class T>
TopKPicks top_k(const Rows<T>& rows, std::size_t k, const TopKOptions& options,
                std::span<const std::size_t> initial, Terms& terms, Job& job) {
  Dealer<T> dealer(rows, options, terms, job);
  dealer.reserve(k);
  for (const std::size_t row : initial.first(terms.n_elsewhere)) {
    dealer.take_out(row);
  }
  const auto before = initial.subspan(terms.n_elsewhere);
  for (const std::size_t row : before) {
    dealer.take(row, 0.0);
  }
  if (options.refill) {
    dealer.deal_until(k, job);
  } else {
    dealer.deal_union(k - before.size(), job);
  }
  return std::move(dealer).result();
}

namespace {

MemoryNeed need_at_depth(const SelectionSize& size, std::uint64_t depth) {
  const std::uint64_t picks = size.n_rows + size.n_samples * (sizeof(std::size_t) + sizeof(double));
  return MemoryNeed{picks, picks} + leaderboards_memory(size, depth);
}

}  // namespace

MemoryNeed top_k_memory(const SelectionSize& size, const TopKOptions& options) {
  const std::uint64_t k = size.n_samples;
  const std::uint64_t d = size.n_columns;
  if (options.refill) {
    return need_at_depth(size, depth_to_deal(k, d));
  }
  // If constant elements are dropped, the others may have to provide more.
  const std::uint64_t depth = (k + d - 1) / d;
  return MemoryNeed{size.n_rows, size.n_rows} +
         MemoryNeed{need_at_depth(size, depth).likely,
                    need_at_depth(size, options.drop_constant ? k : depth).at_most};
}

std::uint64_t deepest_within(const SelectionSize& size, const TopKOptions& options,
                             std::uint64_t bytes) {
  std::uint64_t depth = depth_to_deal(size.n_samples, size.n_columns);
  while (options.refill && depth < size.n_samples &&
         need_at_depth(size, 2 * depth).at_most <= bytes) {
    depth *= 2;
  }
  return depth;
}

#define THINSET_INSTANTIATE(T)                                              \
  template TopKPicks top_k(const Rows<T>&, std::size_t, const TopKOptions&, \
                           std::span<const std::size_t>, Terms&, Job&);
THINSET_INSTANTIATE(float)
THINSET_INSTANTIATE(double)
THINSET_INSTANTIATE(Float16)
THINSET_INSTANTIATE(BFloat16)
#undef THINSET_INSTANTIATE

}  // namespace thinset
