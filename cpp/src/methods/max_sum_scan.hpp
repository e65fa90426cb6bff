// The plain mode of max-sum, for rows that bounds cannot separate.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "bounds/rough_blocks.hpp"
#include "methods/distances_ahead.hpp"
#include "methods/max_sum_state.hpp"
#include "rows/best_row.hpp"
#include "rows/selection_size.hpp"
#include "simd/screen_kernels.hpp"

namespace thinset {

// Measures every row against every pick, in matrix order: roughly, if float32 can
// (rough_distance.hpp), and then exactly only the rows that may have the largest sum. Bounds are
// tried again after at least twice as many picks as the last time.
//
// While it is active, it keeps the sums itself: standings are those of its start, except of rows
// that were offered. Places are rows then.
template <class T>
class MaxSumScan {
 public:
  explicit MaxSumScan(MaxSumState<T>& state)
      : state_(state),
        blocks_(state.meter, state.rough),
        ahead_(state.meter),
        length_(state.scans.first_length) {}

  static std::uint64_t memory(const SelectionSize& size) {
    return size.n_rows * (sizeof(double) + 1) + RoughBlocks<T>::memory(size);
  }

  [[nodiscard]] bool is_active() const { return is_active_; }

  void start() {
    is_active_ = true;
    state_.become_rough();
    if (state_.is_rough()) {
      blocks_.fill(n_starts_ > 0, state_.job);
      constexpr std::size_t few_picks_left = 32;
      const bool is_long = n_starts_ > 0 || length_ > ScanCosts{}.first_length;
      ahead_.start(is_long && state_.picks.size() + few_picks_left < state_.n_picks);
    }
    n_at_end_ = state_.picks.size() + length_;
    // Bounds that failed at once will fail for longer.
    constexpr std::size_t few_picks = 8;
    length_ *= n_starts_ > 0 && state_.picks.size() - n_when_stopped_ < few_picks ? 4 : 2;
    ++n_starts_;
    state_.ceilings.sort_by_row();
    sums_.resize(state_.ceilings.size());
    largest_.resize((sums_.size() + rows_per_group - 1) / rows_per_group);
    for_each_group(state_.rows_per_turn(), [&](std::size_t begin, std::size_t end) {
      Point point;
      double largest = lowest;
      for (std::size_t row = begin; row < end; ++row) {
        sums_[row] = state_.ceilings.is_picked(row) ? lowest : sum_so_far(row, point);
        largest = std::max(largest, sums_[row]);
      }
      return largest;
    });
    n_seen_ = state_.picked.size();
  }

  // The row may no longer be picked.
  void close(std::size_t row) {
    const std::size_t group = row / rows_per_group;
    const bool was_largest = sums_[row] == largest_[group];
    sums_[row] = lowest;
    if (was_largest) {
      const auto first = sums_.begin() + static_cast<std::ptrdiff_t>(group * rows_per_group);
      const auto n = std::min<std::ptrdiff_t>(sums_.end() - first, rows_per_group);
      largest_[group] = *std::max_element(first, first + n);
    }
  }

  // Offers the rows that may have the largest sum: those that reach the bar, the best exact sum
  // found by any thread.
  void run(std::vector<MaxSumScratch>& scratch) {
    see_new_picks();
    Bar bar;
    const std::size_t likely = likely_best();
    if (likely < sums_.size()) {
      look_at(likely, bar, scratch[0]);
    }
    state_.job.parallel_for(largest_.size(), groups_at_once,
                            [&](std::size_t first, std::size_t last, unsigned thread) {
                              for (std::size_t group = first; group < last; ++group) {
                                look_at_group(group, bar, scratch[thread]);
                              }
                            });
    // Halves of rows that they cannot tell apart spare nothing.
    if (n_looked_at_ > ++n_runs_ * (sums_.size() / share_worth_halves) && blocks_.has_halves()) {
      blocks_.forget_halves();
      ahead_.forget();  // they were measured on halves
    }
  }

  // Call after run(). It ends at the start of a window, when all rows have processed all picks.
  [[nodiscard]] bool is_due_to_end() const {
    return state_.picks.size() == state_.picks.before_window().n &&
           state_.picks.size() >= n_at_end_;
  }
  void stop() {
    is_active_ = false;
    n_when_stopped_ = state_.picks.size();
    Ceilings& ceilings = state_.ceilings;
    ceilings.for_each_place(Ceilings::rows_per_block, [&](std::size_t row) {
      if (!ceilings.is_picked(row)) {
        Standing& standing = ceilings.standing(row);
        standing.sum = sums_[row];
        standing.n_seen = n_seen_;
        standing.dot = state_.picks.centred_dot(row, state_.picks.now());
        ceilings.set_base(row, standing.sum);
      }
    });
    ceilings.sort_by_radius();
  }

  // The row with the largest sum beside `best`, more or less; the number of rows if there is none.
  [[nodiscard]] std::size_t second_best(std::size_t best) const {
    BestRow second;
    for (std::size_t row = 0; row < sums_.size(); ++row) {
      if (row != best) {
        second.offer(sums_[row], row);
      }
    }
    return std::min(second.row, sums_.size());
  }

 private:
  static constexpr double lowest = -std::numeric_limits<double>::infinity();
  static constexpr std::size_t rows_per_group = 64;
  static constexpr std::size_t groups_at_once = 16;
  static constexpr std::size_t share_worth_halves = 32;
  // With more closed rows in a group, the others are measured alone.
  static constexpr std::ptrdiff_t most_closed = 16;

  // largest_ = body(first row, end) for every group of rows, in parallel.
  template <class Body>
  void for_each_group(std::size_t rows_per_turn, const Body& body) {
    const std::size_t turn =
        std::clamp<std::size_t>(rows_per_turn / rows_per_group, 1, groups_at_once);
    state_.job.parallel_for(
        largest_.size(), turn, [&](std::size_t first, std::size_t last, unsigned) {
          for (std::size_t group = first; group < last; ++group) {
            const std::size_t begin = group * rows_per_group;
            largest_[group] = body(begin, std::min(begin + rows_per_group, sums_.size()));
          }
        });
  }

  double sum_so_far(std::size_t row, Point& point) {
    Standing& standing = state_.ceilings.standing(row);
    if (!state_.is_rough()) {
      return state_.settle(standing, point);
    }
    if (standing.n_seen < state_.picked.size()) {
      state_.meter.read(row, point);
      state_.see_roughly(standing, state_.picked.size(), point, [](double) {});
    }
    return standing.sum;
  }

  void see_new_picks() {
    Point point;
    for (; n_seen_ < state_.picked.size(); ++n_seen_) {
      const Point* pick = &state_.last_pick;
      if (n_seen_ + 1 < state_.picked.size()) {
        state_.meter.read(state_.picked.row(n_seen_), state_.picked.norm(n_seen_), point);
        pick = &point;
      }
      see(*pick);
    }
  }
  void see(const Point& pick) {
    if (!state_.is_rough()) {
      for_each_group(sums_.size(), [&](std::size_t begin, std::size_t end) {
        return add_exactly(begin, end, pick);
      });
      return;
    }
    const float* known = ahead_.find(state_.numbers[n_seen_]);
    const bool measures_ahead = known == nullptr && ahead_.is_worth_it();
    if (measures_ahead) {
      ahead_.choose(pick, likely_picks(), [&](std::size_t row) { return value_of(row); });
      known = ahead_.distances_to_pick();
    }
    for_each_group(sums_.size(), [&](std::size_t begin, std::size_t end) {
      if (largest_[begin / rows_per_group] == lowest) {
        return lowest;
      }
      if (measures_ahead) {
        ahead_.measure(begin, end, blocks_);
      }
      return add_roughly(begin, end, pick, known == nullptr ? nullptr : known + begin);
    });
  }

  // Add the distances of rows to a pick; return the largest sum.
  double add_exactly(std::size_t begin, std::size_t end, const Point& pick) {
    double largest = lowest;
    for (std::size_t row = begin; row < end; ++row) {
      if (sums_[row] > lowest) {
        sums_[row] += state_.meter.distance_from_rank(state_.meter.rank(row, pick));
        largest = std::max(largest, sums_[row]);
      }
    }
    return largest;
  }
  // `known`: the values of the rows, if they have been measured.
  double add_roughly(std::size_t begin, std::size_t end, const Point& pick, const float* known) {
    std::array<float, rows_per_group> values;
    if (known == nullptr && is_mostly_open(begin, end)) {
      blocks_.measure(begin, end, pick, values.data());
      known = values.data();
    }
    if (known != nullptr) {
      const double largest = state_.rough.add(known, begin, end - begin, pick,
                                              blocks_.error(begin, end), sums_.data() + begin);
      if (!std::isnan(largest)) {
        return largest;
      }
    }
    std::array<const T*, rows_per_group> rows;
    std::array<std::size_t, rows_per_group> open;
    std::size_t n = 0;
    for (std::size_t row = begin; row < end; ++row) {
      rows[n] = state_.meter.rows().row(row);
      open[n] = row;
      n += sums_[row] > lowest ? 1 : 0;
    }
    state_.rough.measure_rows(rows.data(), n, pick, values.data());
    double largest = lowest;
    for (std::size_t i = 0; i < n; ++i) {
      double& sum = sums_[open[i]];
      sum += state_.rough.bounds_of(values[i], rows[i], state_.meter.norm(open[i]), pick).at_most;
      largest = std::max(largest, sum);
    }
    return largest;
  }
  // Whether it is faster to measure also the closed rows of a group.
  [[nodiscard]] bool is_mostly_open(std::size_t begin, std::size_t end) const {
    const auto first = sums_.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = sums_.begin() + static_cast<std::ptrdiff_t>(end);
    return blocks_.has_blocks() || std::count(first, last, lowest) <= most_closed;
  }

  // What a row competes by, as far as the sums tell; -infinity if it is closed.
  [[nodiscard]] double value_of(std::size_t row) const {
    return sums_[row] > lowest ? sums_[row] * state_.terms.weight(row) : lowest;
  }
  // The open rows of the largest values whose distances are not known ahead.
  [[nodiscard]] std::vector<std::size_t> likely_picks() const {
    std::array<BestRow, points_together - 1> best;
    const bool has_weights = !state_.terms.weights.empty();
    for (std::size_t row = 0; row < sums_.size(); ++row) {
      if (row % rows_per_group == 0 && !has_weights) {
        while (row < sums_.size() && largest_[row / rows_per_group] <= best.back().value) {
          row += rows_per_group;
        }
        if (row >= sums_.size()) {
          break;
        }
      }
      const double value = value_of(row);
      if (value > best.back().value && !ahead_.has(row)) {
        best.back() = {value, row};
        for (std::size_t i = best.size() - 1; i > 0 && best[i].value > best[i - 1].value; --i) {
          std::swap(best[i], best[i - 1]);
        }
      }
    }
    std::vector<std::size_t> rows;
    for (const BestRow& likely : best) {
      if (likely.value > lowest) {
        rows.push_back(likely.row);
      }
    }
    return rows;
  }

  // The row with the largest value as far as the sums tell; the number of rows if all are closed.
  [[nodiscard]] std::size_t likely_best() const {
    BestRow best;
    if (!state_.terms.weights.empty()) {
      for (std::size_t row = 0; row < sums_.size(); ++row) {
        if (sums_[row] > lowest) {
          best.offer(sums_[row] * state_.terms.weight(row), row);
        }
      }
      return std::min(best.row, sums_.size());
    }
    for (std::size_t group = 0; group < largest_.size(); ++group) {
      best.offer(largest_[group], group);
    }
    if (best.value == lowest) {
      return sums_.size();
    }
    const auto first = sums_.begin() + static_cast<std::ptrdiff_t>(best.row * rows_per_group);
    return static_cast<std::size_t>(std::find(first, sums_.end(), best.value) - sums_.begin());
  }

  void look_at_group(std::size_t group, Bar& bar, MaxSumScratch& scratch) {
    const std::size_t begin = group * rows_per_group;
    const std::size_t n = std::min(rows_per_group, sums_.size() - begin);
    const double slack = state_.picks.slack();
    if (!state_.terms.weights.empty()) {
      for (std::size_t row = begin; row < begin + n; ++row) {
        if (sums_[row] > lowest &&
            !(sums_[row] * (1.0 + slack) < state_.ceilings.bar_of(row, bar.value()))) {
          look_at(row, bar, scratch);
        }
      }
      return;
    }
    // A sum below this has, times 1 + slack, a value below the bar.
    const double limit = bar.value() * (1.0 - slack - 0x1p-50);
    if (largest_[group] < limit || largest_[group] == lowest) {
      return;
    }
    std::uint64_t bits = screen_kernels().find_at_least(sums_.data() + begin, n, limit);
    for (; bits != 0; bits &= bits - 1) {
      const std::size_t row = begin + static_cast<std::size_t>(std::countr_zero(bits));
      if (sums_[row] > lowest) {
        look_at(row, bar, scratch);
      }
    }
  }

  void look_at(std::size_t row, Bar& bar, MaxSumScratch& scratch) {
    n_looked_at_.fetch_add(1, std::memory_order_relaxed);
    Standing& standing = state_.ceilings.standing(row);
    if (state_.is_rough()) {
      sums_[row] = state_.settle(standing, scratch.point);
    } else {
      standing.sum = sums_[row];
      standing.n_seen = n_seen_;
    }
    const double value = state_.value_of(standing);
    bar.raise_to(value);
    scratch.offer(value, row);
  }

  MaxSumState<T>& state_;
  RoughBlocks<T> blocks_;
  DistancesAhead<T> ahead_;
  bool is_active_ = false;
  std::size_t length_;
  std::size_t n_at_end_ = 0;  // number of picks that ends the scan
  std::size_t n_when_stopped_ = 0;
  std::size_t n_seen_ = 0;       // picks in the sums
  std::vector<double> sums_;     // by row; of rows that cannot be picked, -infinity
  std::vector<double> largest_;  // at least the largest sum of each group
  std::size_t n_starts_ = 0;
  std::size_t n_runs_ = 0;
  std::atomic<std::size_t> n_looked_at_{0};  // in all runs
};

}  // namespace thinset
