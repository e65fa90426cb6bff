#include "methods/leaderboards.hpp"

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <type_traits>

#include "rows/column_summary.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
constexpr std::size_t rows_ahead = 4;
// The sample that suggests thresholds: the largest score of each of this many groups of rows is
// recorded; a quarter of the groups reach the threshold.
constexpr std::size_t n_groups = 64;
constexpr std::size_t groups_above = n_groups / 4;
// If a share p of all rows is above the threshold, a group of g rows reaches it with probability 1
// - (1 - p)^g. That is a quarter for p g = ln(4/3). This many times the depth should pass, to be
// sure of enough.
constexpr double log_four_thirds = 0.2877;
constexpr double depths_to_pass = 3.0;
// If the largest scores of this many groups are the same, a long run of rows has this score.
constexpr std::ptrdiff_t groups_in_run = n_groups / 2;
// Rows of a run that are looked at between two checks for interrupts.
constexpr std::size_t rows_per_check = 65536;

constexpr std::uint64_t page_bytes = 4096;

// After this many rows are kept for an element, it is cut back to the best `depth`. From suggested
// thresholds so few rows pass that this seldom happens; without, early cuts raise the threshold.
std::size_t most_kept(std::size_t depth, bool is_suggested) {
  return is_suggested ? 4 * depth + 64 : 2 * depth + 8;
}

// The number of rows per group that suggest a threshold; 0 if there are too few rows.
std::size_t rows_per_group(std::size_t n_rows, std::size_t depth) {
  const double wanted = depths_to_pass * static_cast<double>(depth);
  const auto n = static_cast<std::size_t>(log_four_thirds * static_cast<double>(n_rows) / wanted);
  return n > n_rows / n_groups / 4 ? 0 : n;
}

template <class T>
double widened(const T* value) {
  if constexpr (std::is_floating_point_v<T>) {
    return *value;
  }
  double wide = 0.0;
  row_kernels<T>().widen(value, &wide, 1);
  return wide;
}

// The columns with only one value so far.
template <class T>
class ConstantColumns {
 public:
  explicit ConstantColumns(const Rows<T>& rows)
      : rows_(rows),
        first_(rows.row(0), rows.row(0) + rows.n_columns()),
        differing_bits_(rows.n_columns()),
        columns_(rows.n_columns()) {
    std::iota(columns_.begin(), columns_.end(), std::size_t{0});
  }

  void look_at(std::size_t begin, std::size_t end) {
    if (columns_.empty()) {
      return;
    }
    std::ranges::fill(differing_bits_, Bits{0});
    const bool are_few = columns_.size() < first_.size() / 8;
    for (std::size_t row = begin; row < end; ++row) {
      const T* values = rows_.row(row);
      if (are_few) {
        for (const std::size_t j : columns_) {
          compare(values, j);
        }
      } else {  // without indices, many at a time
        for (std::size_t j = 0; j < first_.size(); ++j) {
          compare(values, j);
        }
      }
    }
    std::erase_if(columns_, [&](std::size_t j) {
      return differing_bits_[j] != 0 && !has_one_value(j, begin, end);
    });
  }
  [[nodiscard]] const std::vector<std::size_t>& columns() const { return columns_; }

 private:
  using Bits = std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                  std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;

  void compare(const T* values, std::size_t j) {
    differing_bits_[j] = static_cast<Bits>(
        differing_bits_[j] | (std::bit_cast<Bits>(values[j]) ^ std::bit_cast<Bits>(first_[j])));
  }
  // By value: zeros of either sign are equal.
  [[nodiscard]] bool has_one_value(std::size_t j, std::size_t begin, std::size_t end) const {
    const double first = widened(&first_[j]);
    for (std::size_t row = begin; row < end; ++row) {
      if (widened(rows_.row(row) + j) != first) {
        return false;
      }
    }
    return true;
  }
  Rows<T> rows_;
  std::vector<T> first_;
  std::vector<Bits> differing_bits_;  // from the first row, within a block
  std::vector<std::size_t> columns_;
};

// A limit such that every row with score * weight > threshold, both in float64, has score * half
// the weight above it as the kernels compute it. Halved, weights are at most 1, so that no product
// overflows. For float32 scores the weight and the product are rounded: by less than 2^-22 of the
// product, and 2^-148 if it is below the smallest normal number.
template <class T>
Score<T> limit_of(double threshold) {
  if (std::isinf(threshold) || std::is_same_v<Score<T>, double>) {
    // Halving may round the smallest numbers.
    return static_cast<Score<T>>(std::isinf(threshold) ? threshold : 0.5 * threshold - 0x1p-1022);
  }
  const double lowered = 0.5 * threshold - std::fabs(threshold) * 0x1p-20 - 0x1p-140;
  return std::nextafter(static_cast<float>(lowered), -std::numeric_limits<float>::infinity());
}

// The rows that one thread keeps: per element at least the best `depth`.
template <class T>
class Keeper {
 public:
  Keeper(const Rows<T>& rows, ScoreOf score, const std::vector<double>& weights, std::size_t depth,
         const std::vector<double>& thresholds, bool is_suggested)
      : rows_(rows),
        score_(score),
        weights_(weights),
        depth_(depth),
        most_kept_(most_kept(depth, is_suggested)),
        capacity_(std::min(most_kept_, rows.size())),
        limits_(thresholds.size()),
        columns_(rows.n_columns()),
        kept_(std::make_unique_for_overwrite<Candidate[]>(rows.n_columns() * capacity_)),
        n_kept_(rows.n_columns(), 0) {
    if (!weights_.empty()) {
      thresholds_ = thresholds;
    }
    for (std::size_t column = 0; column < thresholds.size(); ++column) {
      set_threshold(column, thresholds[column]);
    }
  }

  // Returns false if a value is not finite.
  bool look_at(std::size_t row, const std::vector<char>& taken) {
    const T* values = rows_.row(row);
    const auto score = static_cast<std::size_t>(score_);
    const std::size_t n = weights_.empty()
                              ? row_kernels<T>().find_above[score](values, limits_.size(),
                                                                   limits_.data(), columns_.data())
                              : row_kernels<T>().find_weighted_above[score](
                                    values, static_cast<Score<T>>(0.5 * weights_[row]),
                                    limits_.size(), limits_.data(), columns_.data());
    if (n > limits_.size()) {
      return false;
    }
    if (is_beyond_screening(row) && taken[row] == 0) {
      for (std::size_t column = 0; column < limits_.size(); ++column) {
        keep(values, column, row);
      }
    } else if (n > 0 && taken[row] == 0) {
      for (std::size_t i = 0; i < n; ++i) {
        keep(values, columns_[i], row);
      }
    }
    return true;
  }

  [[nodiscard]] std::span<const Candidate> kept(std::size_t column) const {
    return {kept_.get() + column * capacity_, n_kept_[column]};
  }
  // Free rows with a score above this are kept.
  [[nodiscard]] double threshold(std::size_t column) const {
    return weights_.empty() ? limits_[column] : thresholds_[column];
  }

 private:
  // Whether float32 may lose much of the row's weight.
  [[nodiscard]] bool is_beyond_screening(std::size_t row) const {
    return !weights_.empty() && !std::is_same_v<T, double> && weights_[row] > 0.0 &&
           weights_[row] < 0x1p-59;
  }

  void keep(const T* values, std::size_t column, std::size_t row) {
    double score = score_from(widened(values + column), score_);
    if (!weights_.empty()) {
      score *= weights_[row];
      if (!(score > thresholds_[column])) {
        return;
      }
    }
    const std::span<Candidate> kept{kept_.get() + column * capacity_, ++n_kept_[column]};
    kept.back() = {score, row};
    if (kept.size() == most_kept_) {
      // Rows come in ascending order, so a later one with the score of the worst would lose.
      const auto worst = kept.begin() + static_cast<std::ptrdiff_t>(depth_) - 1;
      std::nth_element(kept.begin(), worst, kept.end());
      set_threshold(column, worst->score);
      n_kept_[column] = depth_;
    }
  }

  void set_threshold(std::size_t column, double threshold) {
    if (weights_.empty()) {
      limits_[column] = static_cast<Score<T>>(threshold);
      return;
    }
    thresholds_[column] = threshold;
    limits_[column] = limit_of<T>(threshold);
  }

  Rows<T> rows_;
  ScoreOf score_;
  const std::vector<double>& weights_;
  std::size_t depth_;
  std::size_t most_kept_;
  std::size_t capacity_;
  std::vector<Score<T>> limits_;    // for the kernels
  std::vector<double> thresholds_;  // with weights only, because limits are lower then
  std::vector<std::uint32_t> columns_;
  std::unique_ptr<Candidate[]> kept_;  // `capacity_` places per column, the first n_kept_ in use
  std::vector<std::size_t> n_kept_;
};

// One list of the rows that all threads kept for an element: at least the best `depth`, or all
// above the score of a run. With weights, no run follows: few of their scores are equal.
template <class T>
Board merged(const std::vector<Keeper<T>>& keepers, std::size_t column, std::size_t depth,
             std::optional<double> score_of_run, bool may_have_run) {
  std::vector<Candidate> all;
  all.reserve(std::transform_reduce(keepers.begin(), keepers.end(), std::size_t{0}, std::plus<>(),
                                    [&](const auto& k) { return k.kept(column).size(); }));
  double complete_above = -std::numeric_limits<double>::infinity();
  for (const Keeper<T>& keeper : keepers) {
    all.insert(all.end(), keeper.kept(column).begin(), keeper.kept(column).end());
    complete_above = std::max(complete_above, keeper.threshold(column));
  }
  // Contains the best `depth`, and all others that no thread has dropped.
  const auto dropped = std::partition(all.begin(), all.end(),
                                      [&](const Candidate& c) { return c.score > complete_above; });
  const auto n_complete = static_cast<std::size_t>(dropped - all.begin());
  if (n_complete < depth && all.size() > depth) {
    std::nth_element(dropped, all.begin() + static_cast<std::ptrdiff_t>(depth), all.end());
  }
  all.resize(std::max(n_complete, std::min(depth, all.size())));
  std::optional<Board::Run> run;
  if (score_of_run == complete_above) {
    run = {complete_above, 0};
  } else if (may_have_run && 2 * (all.size() - n_complete) >= depth && all.size() > n_complete) {
    // Many rows are tied at the end: the lowest of them are candidates, all others may follow.
    std::size_t last = 0;
    std::for_each(all.begin() + static_cast<std::ptrdiff_t>(n_complete), all.end(),
                  [&](const Candidate& c) { last = std::max(last, c.row); });
    run = {complete_above, last + 1};
  }
  Board board(std::move(all));
  board.run = run;
  // Half of it is certainly requested.
  board.sort_until(depth / 2);
  return board;
}

template <class T>
std::vector<std::size_t> in_all(const std::vector<ConstantColumns<T>>& constant) {
  std::vector<std::size_t> columns = constant[0].columns();
  for (const ConstantColumns<T>& other : constant) {
    std::vector<std::size_t> both;
    std::ranges::set_intersection(columns, other.columns(), std::back_inserter(both));
    columns = both;
  }
  return columns;
}

// The share p of rows that exceed a suggested threshold, such that in three quarters of the groups
// the largest is below it.
std::uint64_t likely_to_pass(std::uint64_t n_rows, std::uint64_t depth) {
  const std::size_t group = rows_per_group(n_rows, depth);
  if (group == 0) {
    return n_rows;
  }
  const double share_below = (n_groups - groups_above + 0.5) / n_groups;
  const double p = 1.0 - std::pow(share_below, 1.0 / static_cast<double>(group));
  return static_cast<std::uint64_t>(p * static_cast<double>(n_rows));
}

}  // namespace

template <class T>
void Leaderboards<T>::fill(std::size_t depth, const std::vector<char>& taken,
                           const std::vector<char>& is_needed) {
  if (depth == 0) {
    // Nothing is requested, but every value is still checked.
    fill_above(thresholds_at(-lowest, {}), 0, taken, 0);
    return;
  }
  const auto n_free = static_cast<std::size_t>(std::ranges::count(taken, 0));
  if (!fill_above(suggested_thresholds(depth, taken, is_needed), depth, taken,
                  std::min(depth, n_free))) {
    fill_above(thresholds_at(lowest, is_needed), depth, taken, 0);
  }
}

template <class T>
auto Leaderboards<T>::thresholds_at(double value, const std::vector<char>& is_needed) const
    -> Thresholds {
  Thresholds thresholds{std::vector<double>(rows_.n_columns(), value),
                        std::vector<char>(rows_.n_columns(), 0)};
  for (std::size_t j = 0; j < is_needed.size(); ++j) {
    if (is_needed[j] == 0) {
      thresholds.values[j] = -lowest;
    }
  }
  return thresholds;
}

template <class T>
auto Leaderboards<T>::suggested_thresholds(std::size_t depth, const std::vector<char>& taken,
                                           const std::vector<char>& is_needed) -> Thresholds {
  const std::size_t n_looked_at = rows_per_group(rows_.size(), depth);
  const std::size_t stride = rows_.size() / n_groups;
  // At a random position in each stretch of rows, so that periodic rows are not periodic in the
  // groups.
  const auto first_of = [&](std::size_t group) {
    const std::uint64_t scattered = (group + 1) * 0x9e3779b97f4a7c15U >> 32;
    return group * stride + scattered % (stride - n_looked_at + 1);
  };
  Thresholds thresholds = thresholds_at(lowest, is_needed);
  if (n_looked_at == 0) {
    return thresholds;
  }
  thresholds.are_suggested = true;
  const std::size_t n_columns = rows_.n_columns();
  std::vector<Score<T>> best(n_groups * n_columns, static_cast<Score<T>>(lowest));
  job_.parallel_for(n_groups, 4, [&](std::size_t begin, std::size_t end, unsigned) {
    for (std::size_t group = begin; group < end; ++group) {
      for (std::size_t i = 0; i < n_looked_at; ++i) {
        const std::size_t row = first_of(group) + i;
        const auto score = static_cast<std::size_t>(score_);
        Score<T>* const of_group = best.data() + group * n_columns;
        if (taken[row] != 0) {
          continue;
        }
        if (weights_.empty()) {
          row_kernels<T>().raise_scores[score](rows_.row(row), n_columns, of_group);
        } else {
          row_kernels<T>().raise_weighted_scores[score](
              rows_.row(row), static_cast<Score<T>>(0.5 * weights_[row]), n_columns, of_group);
        }
      }
    }
  });
  std::vector<Score<T>> of_column(n_groups);
  for (std::size_t j = 0; j < n_columns; ++j) {
    if (thresholds.values[j] == -lowest) {
      continue;
    }
    for (std::size_t group = 0; group < n_groups; ++group) {
      of_column[group] = best[group * n_columns + j];
    }
    const auto at = of_column.begin() + static_cast<std::ptrdiff_t>(groups_above) - 1;
    std::nth_element(of_column.begin(), at, of_column.end(), std::greater<>());
    if (weights_.empty() && std::ranges::count(of_column, *at) >= groups_in_run) {
      thresholds.values[j] = is_run_used_up_[j] != 0 ? lowest : static_cast<double>(*at);
      thresholds.is_of_run[j] = static_cast<char>(is_run_used_up_[j] == 0);
      continue;
    }
    // Rows with exactly this score must pass, so the threshold is the next value below.
    const Score<T> below = std::nextafter(*at, static_cast<Score<T>>(lowest));
    // Rough scores of half the weight; whether enough rows pass is checked anyway.
    thresholds.values[j] = weights_.empty() ? static_cast<double>(below) : 2.0 * below;
  }
  return thresholds;
}

template <class T>
bool Leaderboards<T>::fill_above(const Thresholds& thresholds, std::size_t depth,
                                 const std::vector<char>& taken, std::size_t at_least) {
  std::vector<Keeper<T>> keepers;
  for (unsigned thread = 0; thread < job_.n_threads(); ++thread) {
    keepers.emplace_back(rows_, score_, weights_, depth, thresholds.values,
                         thresholds.are_suggested);
  }
  std::vector<ConstantColumns<T>> constant(job_.n_threads(), ConstantColumns<T>(rows_));
  std::atomic<bool> is_finite = true;
  job_.counted_parallel_for(rows_.size(), rows_per_block,
                            [&](std::size_t begin, std::size_t end, unsigned thread) {
                              for (std::size_t row = begin; row < end; ++row) {
                                // The processor's own prefetching stops at page boundaries.
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
      std::optional<double> score_of_run;
      if (thresholds.values[column] == -lowest) {
        boards_[column] = Board();
        continue;
      }
      if (thresholds.is_of_run[column] != 0) {
        score_of_run = thresholds.values[column];
      }
      boards_[column] = merged(keepers, column, depth, score_of_run,
                               weights_.empty() && is_run_used_up_[column] == 0);
    }
  });
  for (std::size_t column = 0; column < boards_.size(); ++column) {
    const Board& board = boards_[column];
    const bool is_needed = thresholds.values[column] != -lowest;
    if (is_needed && !board.run.has_value() && board.size() < at_least) {
      return false;
    }
  }
  return true;
}

template <class T>
std::optional<Candidate> Leaderboards<T>::next(std::size_t column,
                                               const std::vector<char>& skipped) {
  Board& board = boards_[column];
  while (board.n_read < board.size()) {
    const Candidate& candidate = board.at(board.n_read++);
    if (skipped[candidate.row] == 0) {
      return candidate;
    }
    if (board.n_read % rows_per_check == 0) {
      job_.check();
    }
  }
  if (!board.run) {
    return std::nullopt;
  }
  for (std::size_t& row = board.run->next_row; row < rows_.size();) {
    const std::size_t here = row++;
    if (skipped[here] == 0) {
      const double score = score_from(activation_of(here, column), score_);
      if (score == board.run->score) {
        ++board.n_read;
        return Candidate{score, here};
      }
    }
    if (row % rows_per_check == 0) {
      job_.check();
    }
  }
  is_run_used_up_[column] = 1;
  return std::nullopt;
}

template <class T>
void Leaderboards<T>::fetch(std::size_t row) const {
  const T* values = rows_.row(row);
  for (std::size_t j = 0; j < rows_.n_columns(); j += 64 / sizeof(T)) {
    __builtin_prefetch(values + j);
  }
}

template <class T>
double Leaderboards<T>::activation(const Candidate& candidate, std::size_t column) const {
  if (score_ == ScoreOf::value && weights_.empty()) {
    return candidate.score;
  }
  return activation_of(candidate.row, column);
}

template <class T>
double Leaderboards<T>::activation_of(std::size_t row, std::size_t column) const {
  return widened(rows_.row(row) + column);
}

MemoryNeed leaderboards_memory(const SelectionSize& size, std::uint64_t depth) {
  const std::uint64_t n = size.n_rows;
  const std::uint64_t d = size.n_columns;
  const std::uint64_t fixed =
      d * ((size.n_threads + 2) * (sizeof(std::vector<Candidate>) + 4 * sizeof(double)) +
           n_groups * sizeof(double));
  // Per element and thread, room for the kept rows, of which only some pages are written; then all
  // of them in one list.
  const std::uint64_t room =
      std::min<std::uint64_t>(most_kept(depth, rows_per_group(n, depth) > 0), n);
  const std::uint64_t kept = std::min(size.n_threads * room, likely_to_pass(n, depth));
  const std::uint64_t written = std::min(
      room * sizeof(Candidate), kept / size.n_threads * sizeof(Candidate) + page_bytes / 2);
  return {fixed + d * (size.n_threads * written + kept * sizeof(Candidate)),
          fixed + d * size.n_threads * room * 2 * sizeof(Candidate)};
}

template class Leaderboards<float>;
template class Leaderboards<double>;
template class Leaderboards<Float16>;
template class Leaderboards<BFloat16>;

}  // namespace thinset
