#include "methods/leaderboards.hpp"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iterator>
#include <numeric>
#include <optional>

#include "methods/best_of_thread.hpp"
#include "methods/constant_columns.hpp"
#include "rows/column_summary.hpp"
#include "rows/widened.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
constexpr std::size_t rows_ahead = 4;
constexpr std::size_t boards_per_block = 8;
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

// The number of rows per group that suggest a threshold; 0 if there are too few rows.
std::size_t rows_per_group(std::size_t n_rows, std::size_t depth) {
  const double wanted = depths_to_pass * static_cast<double>(depth);
  const auto n = static_cast<std::size_t>(log_four_thirds * static_cast<double>(n_rows) / wanted);
  return n > n_rows / n_groups / 4 ? 0 : n;
}

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
  job_.parallel_for(boards_.size(), boards_per_block,
                    [&](std::size_t begin, std::size_t end, unsigned) {
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
