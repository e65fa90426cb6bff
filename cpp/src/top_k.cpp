#include "thinset/top_k.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "thinset/column_summary.hpp"
#include "thinset/error.hpp"
#include "thinset/row_kernels.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
constexpr std::size_t rows_ahead = 4;
// The sample that suggests thresholds: in so many groups of rows, the largest score of each group
// is noted; the threshold is that which a quarter of the groups reach.
constexpr std::size_t n_groups = 64;
constexpr std::size_t groups_above = n_groups / 4;
// If p of all rows are above the threshold, a group of g rows reaches it with 1 - (1 - p)^g. That
// is a quarter for p g = ln(4/3); so many times the depth are to pass, to be sure of enough.
constexpr double log_four_thirds = 0.2877;
constexpr double depths_to_pass = 3.0;

// How many rows per element the first pass keeps, to deal k rows from d elements.
std::size_t depth_to_deal(std::size_t k, std::size_t d) {
  return std::min(k, 2 * (k / d + 1) + 16);
}

// So many rounds are surely dealt, likely, from boards of that depth.
std::size_t rounds_within(std::size_t depth) { return depth / 2; }

// So many rows that were kept for an element cut it back to the best `depth`.
std::size_t most_kept(std::size_t depth) { return 4 * depth + 64; }

// How many rows of each group suggest a threshold; 0 where the rows are too few for that.
std::size_t rows_per_group(std::size_t n_rows, std::size_t depth) {
  const double wanted = depths_to_pass * static_cast<double>(depth);
  const auto n = static_cast<std::size_t>(log_four_thirds * static_cast<double>(n_rows) / wanted);
  return n > n_rows / n_groups / 4 ? 0 : n;
}

// A row's standing in one element. Ordered from best to worst; ties go to the lower row.
struct Candidate {
  double score;
  std::size_t row;

  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  }
};

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

double score_from(double activation, ScoreOf score) {
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

// The columns that have had one value so far.
template <class T>
class ConstantColumns {
 public:
  explicit ConstantColumns(const Rows<T>& rows)
      : rows_(rows), first_(rows.n_columns()), columns_(rows.n_columns()) {
    row_kernels<T>().widen(rows.row(0), first_.data(), first_.size());
    std::iota(columns_.begin(), columns_.end(), std::size_t{0});
  }

  void look_at(std::size_t row) {
    std::erase_if(columns_, [&](std::size_t j) {
      double value = 0.0;
      row_kernels<T>().widen(rows_.row(row) + j, &value, 1);
      return value != first_[j];
    });
  }
  void look_at(std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end && !columns_.empty(); ++row) {
      look_at(row);
    }
  }
  [[nodiscard]] const std::vector<std::size_t>& columns() const { return columns_; }

 private:
  Rows<T> rows_;
  std::vector<double> first_;
  std::vector<std::size_t> columns_;
};

// The best rows of one element, sorted as far as anybody has asked.
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

// What one thread keeps of the rows that it has seen: per element at least the best `depth`.
template <class T>
class Keeper {
 public:
  Keeper(const Rows<T>& rows, ScoreOf score, std::size_t depth,
         const std::vector<Score<T>>& thresholds)
      : rows_(rows),
        score_(score),
        depth_(depth),
        capacity_(std::min(most_kept(depth), rows.size())),
        thresholds_(thresholds),
        columns_(rows.n_columns()),
        kept_(std::make_unique_for_overwrite<Candidate[]>(rows.n_columns() * capacity_)),
        n_kept_(rows.n_columns(), 0) {}

  // Returns false where a value is not finite.
  bool look_at(std::size_t row, const std::vector<char>& taken) {
    const T* values = rows_.row(row);
    const std::size_t n = row_kernels<T>().find_above[static_cast<std::size_t>(score_)](
        values, thresholds_.size(), thresholds_.data(), columns_.data());
    if (n > thresholds_.size()) {
      return false;
    }
    if (n > 0 && taken[row] == 0) {
      for (std::size_t i = 0; i < n; ++i) {
        keep(values, columns_[i], row);
      }
    }
    return true;
  }

  [[nodiscard]] std::span<const Candidate> kept(std::size_t column) const {
    return {kept_.get() + column * capacity_, n_kept_[column]};
  }
  // Of all rows seen that were free, those with a score above this are kept.
  [[nodiscard]] double threshold(std::size_t column) const { return thresholds_[column]; }

 private:
  void keep(const T* values, std::size_t column, std::size_t row) {
    double activation = 0.0;
    row_kernels<T>().widen(values + column, &activation, 1);
    const std::span<Candidate> kept{kept_.get() + column * capacity_, ++n_kept_[column]};
    kept.back() = {score_from(activation, score_), row};
    if (kept.size() == most_kept(depth_)) {
      // Rows come in rising order: a later one with the same score as the worst would lose.
      const auto worst = kept.begin() + static_cast<std::ptrdiff_t>(depth_) - 1;
      std::nth_element(kept.begin(), worst, kept.end());
      thresholds_[column] = static_cast<Score<T>>(worst->score);
      n_kept_[column] = depth_;
    }
  }

  Rows<T> rows_;
  ScoreOf score_;
  std::size_t depth_;
  std::size_t capacity_;
  std::vector<Score<T>> thresholds_;
  std::vector<std::uint32_t> columns_;
  std::unique_ptr<Candidate[]> kept_;  // `capacity_` places per column, the first n_kept_ in use
  std::vector<std::size_t> n_kept_;
};

// At least the best `depth` rows of every element that nobody has taken yet.
template <class T>
class Leaderboards {
 public:
  Leaderboards(const Rows<T>& rows, TopKMode mode, Job& job)
      : rows_(rows), score_(score_for(mode)), job_(job), boards_(rows.n_columns()) {}

  [[nodiscard]] Board& board(std::size_t column) { return boards_[column]; }
  [[nodiscard]] const std::vector<std::size_t>& constant_columns() const {
    return constant_columns_;
  }

  [[nodiscard]] double activation(const Candidate& candidate, std::size_t column) const {
    if (score_ == ScoreOf::value) {
      return candidate.score;
    }
    double value = 0.0;
    row_kernels<T>().widen(rows_.row(candidate.row) + column, &value, 1);
    return value;
  }

  void fill(std::size_t depth, const std::vector<char>& taken) {
    if (depth == 0) {
      // Nothing is wanted, but every value is looked at all the same.
      fill_above(std::vector<Score<T>>(rows_.n_columns(), -lowest), 0, taken, 0);
      return;
    }
    const auto n_free = static_cast<std::size_t>(std::ranges::count(taken, 0));
    if (!fill_above(suggested_thresholds(depth, taken), depth, taken, std::min(depth, n_free))) {
      fill_above(no_thresholds(), depth, taken, 0);
    }
  }

 private:
  static constexpr auto lowest = -std::numeric_limits<Score<T>>::infinity();

  [[nodiscard]] std::vector<Score<T>> no_thresholds() const {
    return std::vector<Score<T>>(rows_.n_columns(), lowest);
  }

  std::vector<Score<T>> suggested_thresholds(std::size_t depth, const std::vector<char>& taken) {
    const std::size_t n_looked_at = rows_per_group(rows_.size(), depth);
    const std::size_t stride = rows_.size() / n_groups;
    std::vector<Score<T>> thresholds = no_thresholds();
    if (n_looked_at == 0) {
      return thresholds;
    }
    const std::size_t n_columns = rows_.n_columns();
    std::vector<Score<T>> best(n_groups * n_columns, lowest);
    job_.parallel_for(n_groups, 4, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t group = begin; group < end; ++group) {
        for (std::size_t i = 0; i < n_looked_at; ++i) {
          const std::size_t row = group * stride + i;
          if (taken[row] == 0) {
            row_kernels<T>().raise_scores[static_cast<std::size_t>(score_)](
                rows_.row(row), n_columns, best.data() + group * n_columns);
          }
        }
      }
    });
    std::vector<Score<T>> of_column(n_groups);
    for (std::size_t j = 0; j < n_columns; ++j) {
      for (std::size_t group = 0; group < n_groups; ++group) {
        of_column[group] = best[group * n_columns + j];
      }
      const auto at = of_column.begin() + static_cast<std::ptrdiff_t>(groups_above) - 1;
      std::nth_element(of_column.begin(), at, of_column.end(), std::greater<>());
      // Rows with just this score must pass: the threshold is the next value below.
      thresholds[j] = std::nextafter(*at, lowest);
    }
    return thresholds;
  }

  // Returns false where a board has fewer than `at_least` rows: the thresholds were too high.
  bool fill_above(const std::vector<Score<T>>& thresholds, std::size_t depth,
                  const std::vector<char>& taken, std::size_t at_least) {
    std::vector<Keeper<T>> keepers;
    for (unsigned thread = 0; thread < job_.n_threads(); ++thread) {
      keepers.emplace_back(rows_, score_, depth, thresholds);
    }
    std::vector<ConstantColumns<T>> constant(job_.n_threads(), ConstantColumns<T>(rows_));
    std::atomic<bool> is_finite = true;
    job_.counted_parallel_for(rows_.size(), rows_per_block,
                              [&](std::size_t begin, std::size_t end, unsigned thread) {
                                for (std::size_t row = begin; row < end; ++row) {
                                  // The processor's own prefetching ends with every page.
                                  fetch(std::min(row + rows_ahead, end - 1));
                                  if (!keepers[thread].look_at(row, taken)) {
                                    is_finite = false;
                                    return;
                                  }
                                }
                                constant[thread].look_at(begin, end);
                              });
    if (!is_finite) {
      summarise_columns(rows_, job_);  // finds the first such value and throws
    }
    constant_columns_ = in_all(constant);
    job_.parallel_for(boards_.size(), 1, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t column = begin; column < end; ++column) {
        merge(keepers, column, depth);
      }
    });
    return std::ranges::all_of(boards_, [&](const auto& b) { return b.size() >= at_least; });
  }

  void fetch(std::size_t row) const {
    const T* values = rows_.row(row);
    for (std::size_t j = 0; j < rows_.n_columns(); j += 64 / sizeof(T)) {
      __builtin_prefetch(values + j);
    }
  }

  void merge(const std::vector<Keeper<T>>& keepers, std::size_t column, std::size_t depth) {
    std::vector<Candidate> all;
    all.reserve(std::transform_reduce(keepers.begin(), keepers.end(), std::size_t{0}, std::plus<>(),
                                      [&](const auto& k) { return k.kept(column).size(); }));
    double complete_above = lowest;
    for (const Keeper<T>& keeper : keepers) {
      all.insert(all.end(), keeper.kept(column).begin(), keeper.kept(column).end());
      complete_above = std::max(complete_above, keeper.threshold(column));
    }
    // The best `depth` are here in any case, and beyond them all that no thread has dropped.
    const auto dropped = std::partition(
        all.begin(), all.end(), [&](const Candidate& c) { return c.score > complete_above; });
    const auto n_complete = static_cast<std::size_t>(dropped - all.begin());
    if (n_complete < depth && all.size() > depth) {
      std::nth_element(dropped, all.begin() + static_cast<std::ptrdiff_t>(depth), all.end());
    }
    all.resize(std::max(n_complete, std::min(depth, all.size())));
    boards_[column] = Board(std::move(all));
    boards_[column].sort_until(rounds_within(depth));
  }

  static std::vector<std::size_t> in_all(const std::vector<ConstantColumns<T>>& constant) {
    std::vector<std::size_t> columns = constant[0].columns();
    for (const ConstantColumns<T>& other : constant) {
      std::vector<std::size_t> both;
      std::ranges::set_intersection(columns, other.columns(), std::back_inserter(both));
      columns = both;
    }
    return columns;
  }

  Rows<T> rows_;
  ScoreOf score_;
  Job& job_;
  std::vector<Board> boards_;
  std::vector<std::size_t> constant_columns_;
};

// Deals the boards out in rounds. A row that is already taken is passed over: with refill the
// element takes its next best instead, without it the turn is lost.
template <class T>
class Dealer {
 public:
  Dealer(const Rows<T>& rows, const TopKOptions& options, Job& job)
      : boards_(rows, options.mode, job),
        drop_constant_(options.drop_constant),
        max_depth_(options.max_depth),
        n_columns_(rows.n_columns()),
        taken_(rows.size(), 0) {}

  void reserve(std::size_t k) {
    picks_.rows.reserve(k);
    picks_.gains.reserve(k);
  }

  void take(std::size_t row, double gain) {
    taken_[row] = 1;
    picks_.rows.push_back(row);
    picks_.gains.push_back(gain);
  }

  void deal_until(std::size_t k, Job& job) {
    std::size_t depth = 0;
    do {
      // Enough for the rounds left if few rows are shared; more where that falls short. Taken
      // rows are left out, so a board never needs more than the picks still missing.
      const std::size_t missing = k - picks_.rows.size();
      depth = std::min(
          missing, std::max(std::min(4 * depth, max_depth_), depth_to_deal(missing, n_columns_)));
      fill(depth);
      deal_round_robin(k, job);
    } while (picks_.rows.size() < k);
  }

  void deal_union(std::size_t k, Job& job) {
    // Constant columns are dropped only once they are known: deep enough for that case too.
    fill((k + n_columns_ - 1) / n_columns_);
    if (columns_.size() < n_columns_) {
      fill((k + columns_.size() - 1) / columns_.size());
    }
    for (std::size_t turn = 0; turn < k; ++turn) {
      check_at_times(job);
      const std::size_t column = columns_[turn % columns_.size()];
      const std::size_t rank = turn / columns_.size();
      Board& board = boards_.board(column);
      if (rank < board.size() && taken_[board.at(rank).row] == 0) {
        take(board.at(rank).row, boards_.activation(board.at(rank), column));
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

  // A turn takes nanoseconds, a look at the clock more.
  void check_at_times(Job& job) {
    if (++n_turns_ % 1024 == 0) {
      job.check();
    }
  }

  // Continues with the element whose turn it is; stops at k picks or where a board runs out.
  void deal_round_robin(std::size_t k, Job& job) {
    std::vector<std::size_t> next(columns_.size(), 0);
    while (picks_.rows.size() < k) {
      const std::size_t column = columns_[turn_];
      Board& board = boards_.board(column);
      std::size_t& position = next[turn_];
      while (position < board.size() && taken_[board.at(position).row] != 0) {
        ++position;
        check_at_times(job);
      }
      if (position == board.size()) {
        return;
      }
      take(board.at(position).row, boards_.activation(board.at(position), column));
      check_at_times(job);
      turn_ = (turn_ + 1) % columns_.size();
    }
  }

  Leaderboards<T> boards_;
  bool drop_constant_;
  std::size_t max_depth_;
  std::size_t n_columns_;
  std::vector<std::size_t> columns_;  // those that deal
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
                std::span<const std::size_t> initial, Job& job) {
  Dealer<T> dealer(rows, options, job);
  dealer.reserve(k);
  for (const std::size_t row : initial) {
    dealer.take(row, 0.0);
  }
  if (options.refill) {
    dealer.deal_until(k, job);
  } else {
    dealer.deal_union(k - initial.size(), job);
  }
  return std::move(dealer).result();
}

namespace {

constexpr std::uint64_t page_bytes = 4096;

// How many of the rows exceed a suggested threshold: a share p for which the largest of a group is
// below it in three quarters of the groups.
std::uint64_t likely_to_pass(std::uint64_t n_rows, std::uint64_t depth) {
  const std::size_t group = rows_per_group(n_rows, depth);
  if (group == 0) {
    return n_rows;
  }
  const double share_below = (n_groups - groups_above + 0.5) / n_groups;
  const double p = 1.0 - std::pow(share_below, 1.0 / static_cast<double>(group));
  return static_cast<std::uint64_t>(p * static_cast<double>(n_rows));
}

MemoryNeed need_at_depth(const SelectionSize& size, std::uint64_t depth) {
  const std::uint64_t n = size.n_rows;
  const std::uint64_t d = size.n_columns;
  const std::uint64_t fixed =
      n + size.n_samples * (sizeof(std::size_t) + sizeof(double)) +
      d * ((size.n_threads + 2) * (sizeof(std::vector<Candidate>) + 4 * sizeof(double)) +
           n_groups * sizeof(double));
  // Per element and thread, room for what the thread keeps of the rows, of which it writes to some
  // pages; then all of that in one list.
  const std::uint64_t room = std::min<std::uint64_t>(most_kept(depth), n);
  const std::uint64_t kept = std::min(size.n_threads * room, likely_to_pass(n, depth));
  const std::uint64_t written = std::min(
      room * sizeof(Candidate), kept / size.n_threads * sizeof(Candidate) + page_bytes / 2);
  return {fixed + d * (size.n_threads * written + kept * sizeof(Candidate)),
          fixed + d * size.n_threads * room * 2 * sizeof(Candidate)};
}

}  // namespace

MemoryNeed top_k_memory(const SelectionSize& size, const TopKOptions& options) {
  const std::uint64_t k = size.n_samples;
  const std::uint64_t d = size.n_columns;
  if (options.refill) {
    return need_at_depth(size, depth_to_deal(k, d));
  }
  // Where constant elements are dropped, the others may have to give more.
  const std::uint64_t depth = (k + d - 1) / d;
  return {need_at_depth(size, depth).likely,
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
                           std::span<const std::size_t>, Job&);
THINSET_INSTANTIATE(float)
THINSET_INSTANTIATE(double)
THINSET_INSTANTIATE(Float16)
THINSET_INSTANTIATE(BFloat16)
#undef THINSET_INSTANTIATE

}  // namespace thinset
