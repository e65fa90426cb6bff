// The rounds of max-sum dispersion: what is picked is up to the caller.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "bounds/half_rows.hpp"
#include "methods/distances_ahead.hpp"
#include "methods/max_sum_scan.hpp"
#include "methods/max_sum_search.hpp"
#include "methods/max_sum_state.hpp"
#include "rows/selection_size.hpp"

namespace thinset {

// Finds each pick in one of two modes: a search in which bounds skip most rows
// (max_sum_search.hpp), or a plain scan (max_sum_scan.hpp) while bounds skip too few. Both give the
// same picks.
template <class T>
class MaxSum {
  static constexpr std::size_t picks_per_window = 16;

 public:
  static MemoryNeed memory(const SelectionSize& size) {
    const std::uint64_t n = size.n_rows;
    const std::uint64_t k = size.n_samples;
    const std::uint64_t always = distance_meter_memory(size) + MaxSumScan<T>::memory(size) +
                                 n * (Ceilings::bytes_per_row() + sizeof(DistanceSum));
    // An order, and the old and the new state of every row.
    const std::uint64_t sorting = n * (sizeof(std::size_t) + sizeof(Standing));
    const std::uint64_t picks =
        picked_rows_memory(size) + k * (sizeof(Totals) + 3 * sizeof(double));
    // Rows are mostly sorted again while there are few picks.
    return {always + std::max(sorting, picks), always + sorting + picks + 4 * k * sizeof(double) +
                                                   HalfRows<T>::memory(size) +
                                                   DistancesAhead<T>::memory(size)};
  }

  MaxSum(const DistanceMeter<T>& meter, std::vector<double> centre, std::size_t k,
         const Terms& terms, Job& job)
      : state_(meter, std::move(centre), k, terms, job),
        search_(state_),
        scan_(state_),
        scratch_(job.n_threads()) {
    sort_by_radius();
    if (terms.limits) {
      for (std::size_t row = 0; row < meter.rows().size(); ++row) {
        if (!terms.limits->is_open(row)) {
          close(row);
        }
      }
    }
  }

  // The row may no longer be picked.
  void close(std::size_t row) {
    state_.ceilings.pick(state_.ceilings.place_of(row));
    if (scan_.is_active()) {
      scan_.close(row);
    }
  }

  // The summed distance of a row to all picks, added in their order.
  double sum_of(std::size_t row) {
    return state_.settle(state_.ceilings.standing(state_.ceilings.place_of(row)),
                         scratch_[0].point);
  }

  void pick(std::size_t row) {
    close(row);
    add_pick(state_.meter.rows().row(row), state_.meter.norm(row), row);
  }
  // A row stored elsewhere.
  void pick(const T* row, double norm) { add_pick(row, norm, state_.meter.rows().size()); }

  // The row with the largest sum of distances to the picks, times its weight; returns the sum.
  BestRow best() {
    for (MaxSumScratch& scratch : scratch_) {
      scratch.best = {};
      scratch.second = {};
    }
    if (scan_.is_active()) {
      scan_.run(scratch_);
    } else {
      search_.run(hint_, scratch_);
    }
    BestRow best;
    for (const MaxSumScratch& scratch : scratch_) {
      best.offer(scratch.best.value, scratch.best.row);
    }
    BestRow second;
    for (const MaxSumScratch& scratch : scratch_) {
      const BestRow& other = scratch.best.row == best.row ? scratch.second : scratch.best;
      second.offer(other.value, other.row);
    }
    if (scan_.is_active() && scan_.is_due_to_end()) {
      scan_.stop();
      hint_ = scan_.second_best(best.row);
    } else if (second.value > -std::numeric_limits<double>::infinity()) {
      hint_ = second.row;
    }
    if (best.row < state_.ceilings.size()) {
      best.value = state_.ceilings.standing(state_.ceilings.place_of(best.row)).sum;
    }
    return best;
  }

 private:
  void add_pick(const T* row, double norm, std::size_t number) {
    CentredPoints<T>& picks = state_.picks;
    state_.numbers.push_back(number);
    state_.picked.push_back(row, norm);
    state_.meter.read(row, norm, state_.last_pick);
    picks.push_back(state_.picked.row(state_.picked.size() - 1), state_.last_pick,
                    picks.radius_of(row, norm));
    if (picks.size() - picks.before_window().n == picks_per_window) {
      close_window();
      if (!scan_.is_active() && picks.size() >= 2 * n_when_centred_ && picks.is_off_centre()) {
        recentre();
      }
    }
    // Bounds on sums of few distances spare less than they cost.
    if (!scan_.is_active() && (picks.size() == 1 || search_.spares_little(picks_per_window))) {
      scan_.start();
    }
  }

  void sort_by_radius() {
    state_.ceilings.sort_by_radius([&](std::size_t row) { return state_.picks.radius_of(row); });
  }

  void close_window() {
    CentredPoints<T>& picks = state_.picks;
    if (!scan_.is_active()) {
      raise_ceilings();
    }
    picks.close_window();
    search_.forget_effort();
  }
  // By what the open window adds at most.
  void raise_ceilings() {
    CentredPoints<T>& picks = state_.picks;
    const Totals window = picks.open_window();
    const double length = picks.length_of_window();
    const double of_picks =
        window.squared_radius + picks.error_of_squares(picks.before_window().n, picks.size());
    state_.ceilings.raise([&](double r) {
      const double squares = window.n * r * r + 2.0 * r * length + of_picks;
      return state_.bounds.from_squares(window.n, squares) * (1.0 + picks.slack());
    });
  }

  // Moves the centre to the mean of the picks. Only at the start of a window.
  void recentre() {
    CentredPoints<T>& picks = state_.picks;
    Ceilings& ceilings = state_.ceilings;
    n_when_centred_ = picks.size();
    const CentreShift shift = picks.shift_to_mean();
    ceilings.for_each_place(Ceilings::rows_per_block, [&](std::size_t place) {
      Standing& standing = ceilings.standing(place);
      const auto n = static_cast<double>(standing.n_seen);
      const double x = picks.centred_dot(standing.row, shift.vector, shift.centre_dot);
      standing.dot += n * (shift.square - x) - shift.along[standing.n_seen] +
                      picks.error_of_moved_dot(ceilings.radius(place), shift);
      ceilings.settle_growth(place);
    });
    picks.move_centre(shift);
    sort_by_radius();
    for (std::size_t t = 0; t < picks.size(); ++t) {
      picks.count(picks.radius_of_point(t));
    }
  }

  MaxSumState<T> state_;
  MaxSumSearch<T> search_;
  MaxSumScan<T> scan_;
  std::vector<MaxSumScratch> scratch_;
  std::size_t n_when_centred_ = 16;
  std::size_t hint_ = 0;  // a row that probably has a large sum
};

// For cosine, the mean direction of a sample: any centre will do; a closer one is better.
template <class T>
std::vector<double> centre_of(const DistanceMeter<T>& meter, const std::vector<double>& mean) {
  if (meter.metric() != Metric::cosine) {
    return mean;
  }
  const std::size_t n = meter.rows().size();
  const std::size_t n_sample = std::min<std::size_t>(n, 1024);
  std::vector<double> centre(mean.size(), 0.0);
  Point point;
  for (std::size_t s = 0; s < n_sample; ++s) {
    meter.read(n / n_sample * s, point);
    for (std::size_t j = 0; j < centre.size(); ++j) {
      centre[j] += point.values[j] / point.norm / static_cast<double>(n_sample);
    }
  }
  return centre;
}

}  // namespace thinset
