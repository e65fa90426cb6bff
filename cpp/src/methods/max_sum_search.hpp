// The bounded mode of max-sum: evaluates only rows whose ceiling reaches the best known sum.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "methods/max_sum_state.hpp"

namespace thinset {

// The bar is the best exact sum found by any thread. A row is evaluated in up to three steps, each
// more expensive than the last, until its ceiling is below the bar: the bound of the picks that it
// missed before the open window, the bound of all missed picks, and the distances themselves.
//
// With weights, the bar is a sum times a weight. A row is compared in terms of its own sum: with
// the bar divided by the bounding weight of the row, which is above its weight by more than
// rounding (ceilings.hpp), so a sum below that quotient is a value below the bar.
template <class T>
class MaxSumSearch {
 public:
  explicit MaxSumSearch(MaxSumState<T>& state) : state_(state) {}

  // Offers the rows that may have the largest sum; `hint` is one that probably has a large one.
  void run(std::size_t hint, std::vector<MaxSumScratch>& scratch) {
    Bar bar;
    const std::size_t place = state_.ceilings.place_of(hint);
    if (!state_.ceilings.is_picked(place)) {
      state_.settle_together(hint, scratch[0].point);  // the other threads would wait for it
      look_at(place, bar, scratch[0]);
    }
    const std::size_t blocks_per_turn = std::clamp<std::size_t>(
        state_.rows_per_turn() / Ceilings::rows_per_block, 1, max_blocks_per_turn);
    state_.job.parallel_for(state_.ceilings.n_blocks(), blocks_per_turn,
                            [&](std::size_t begin, std::size_t end, unsigned thread) {
                              look_at_blocks(begin, end, bar, scratch[thread]);
                            });
  }

  // A window begins.
  void forget_effort() { n_looked_at_ = 0; }
  // Whether the open window took more evaluations than a plain scan would.
  [[nodiscard]] bool spares_little(std::size_t picks_per_window) const {
    constexpr std::size_t picks_ahead = 4;  // the first picks of a window may take more
    const std::size_t n_picks = state_.picks.size() - state_.picks.before_window().n + picks_ahead;
    const double worth = state_.scans.share_worth_one * static_cast<double>(n_picks) *
                         static_cast<double>(state_.ceilings.size());
    return state_.picks.size() > picks_per_window && static_cast<double>(n_looked_at_) > worth;
  }

 private:
  // Up to this many missed picks are measured at once instead of bounded first, if distances are
  // not squares.
  static constexpr std::size_t picks_worth_bounding = 4;
  // An evaluated row is lowered so far below the bar that it is skipped for about as many picks.
  static constexpr double picks_of_rest = 8.0;
  static constexpr std::size_t max_blocks_per_turn = 4;
  // The number of missed picks that are measured before the bound is checked again.
  static constexpr std::size_t picks_per_check = 32;
  static constexpr double infinity = std::numeric_limits<double>::infinity();

  // Bounds on the picks that a row has not processed.
  struct Missed {
    double dot;      // x.S of all picks
    double squares;  // at least the sum of the squared distances to the missed ones
  };

  void look_at_blocks(std::size_t begin, std::size_t end, Bar& bar, MaxSumScratch& scratch) {
    Ceilings& ceilings = state_.ceilings;
    scratch.places.clear();
    for (std::size_t block = begin; block < end; ++block) {
      const double risen = risen_at(ceilings.radius_of_block(block)) * (1.0 + slack());
      ceilings.for_each_reaching(block, risen, bar.value(), [&](std::size_t place) {
        state_.meter.prefetch(ceilings.standing(place).row);
        scratch.places.push_back(place);
      });
    }
    n_looked_at_ += scratch.places.size();
    for (const std::size_t place : scratch.places) {
      look_at(place, bar, scratch);
    }
  }

  // Lowers the row's ceiling below the bar if bounds allow it; otherwise measures the row.
  void look_at(std::size_t place, Bar& bar, MaxSumScratch& scratch) {
    Ceilings& ceilings = state_.ceilings;
    const CentredPoints<T>& picks = state_.picks;
    if (ceilings.is_picked(place)) {
      return;  // reaches the bar only while there is no bar
    }
    Standing& standing = ceilings.standing(place);
    const double radius = ceilings.radius(place);
    // Squares add up exactly, so measuring gives no more than their bound. For other distances it
    // does, so the row can be skipped for some picks: the bar rises by its mean, the row's ceiling
    // by the triangle inequality.
    const bool is_open = state_.meter.metric() == Metric::euclidean;
    const auto bar_of_row = [&] { return ceilings.bar_of(place, bar.value()); };
    const double rises = state_.bounds.from_radii(radius, picks.totals()) - bar_of_row();
    const double margin = is_open ? std::max(0.0, picks_of_rest * rises / picks.totals().n) : 0.0;
    // Lowers the ceiling to a currently valid one; returns whether that rules the row out.
    const auto falls_below_bar = [&](double ceiling) {
      const double risen = risen_at(ceilings.radius_of_block(place / Ceilings::rows_per_block));
      ceilings.lower_head(place, ceiling, risen);
      return ceiling * (1.0 + slack()) + margin < bar_of_row();
    };
    const std::size_t n_before = picks.before_window().n;
    if (standing.n_seen <= n_before) {
      const double ceiling = standing.sum + bound_of(missed_by(place, picks.before_window()),
                                                     n_before - standing.n_seen);
      ceilings.lower_base(place, ceiling);
      if (falls_below_bar(ceiling + risen_at(radius))) {
        return;
      }
    }
    Missed missed{0.0, infinity};
    if (picks.size() - standing.n_seen > (is_open ? picks_worth_bounding : 0)) {
      missed = missed_by(place, picks.now());
      if (falls_below_bar(standing.sum + bound_of(missed, picks.size() - standing.n_seen))) {
        return;
      }
    }
    if (measure(place, missed, bar_of_row() - margin, scratch)) {
      if (state_.is_rough()) {
        if (standing.sum * (1.0 + slack()) < bar_of_row()) {
          falls_below_bar(standing.sum);
          scratch.offer_rough(state_.value_of(standing), standing.row);
          return;
        }
        state_.settle(standing, scratch.point);
      }
      falls_below_bar(standing.sum);
      const double value = state_.value_of(standing);
      bar.raise_to(value);
      scratch.offer(value, standing.row);
    }
  }

  // Adds the distances to the picks that the row has not processed, in order. Stops early, and
  // returns false, if the remaining squares cannot raise the sum to the bar.
  bool measure(std::size_t place, Missed missed, double bar, MaxSumScratch& scratch) {
    const CentredPoints<T>& picks = state_.picks;
    const std::size_t n_before = picks.before_window().n;
    Standing& standing = state_.ceilings.standing(place);
    state_.meter.read(standing.row, scratch.point);
    while (standing.n_seen < picks.size()) {
      std::size_t end = std::min(picks.size(), standing.n_seen + picks_per_check);
      if (standing.n_seen <= n_before && end > n_before) {
        if (standing.n_seen == n_before) {
          state_.ceilings.lower_base(place, standing.sum);
        } else {
          end = n_before;
        }
      }
      if (state_.is_rough()) {
        state_.see_roughly(standing, end, scratch.point,
                           [&](double square) { missed.squares -= square; });
      }
      for (; standing.n_seen < end; ++standing.n_seen) {
        const double rank = state_.picked.rank(standing.n_seen, scratch.point);
        standing.sum += state_.meter.distance_from_rank(rank);
        missed.squares -= state_.bounds.square_of(rank);
      }
      const std::size_t n_left = picks.size() - end;
      if (n_left > 0 && (standing.sum + bound_of(missed, n_left)) * (1.0 + slack()) < bar) {
        // The remaining squares give x.S of the processed picks.
        const double r = state_.ceilings.radius(place);
        const Totals left = picks.totals(end, picks.size());
        standing.dot = missed.dot - 0.5 * (left.n * r * r + left.squared_radius - missed.squares);
        return false;
      }
    }
    standing.dot = picks.centred_dot(standing.row, picks.now());
    return true;
  }

  [[nodiscard]] double slack() const { return state_.picks.slack(); }

  // The most that the open window adds to the sum of a row at this radius.
  [[nodiscard]] double risen_at(double radius) const {
    return state_.bounds.from_radii(radius, state_.picks.open_window());
  }

  [[nodiscard]] Missed missed_by(std::size_t place, const CentredSum& until) const {
    const Standing& standing = state_.ceilings.standing(place);
    const double r = state_.ceilings.radius(place);
    const Totals missed = state_.picks.totals(standing.n_seen, until.n);
    const double dot = state_.picks.centred_dot(standing.row, until);
    const double squares = missed.n * r * r - 2.0 * (dot - standing.dot) + missed.squared_radius;
    const double error = 16.0 * state_.picks.error_of_dot(r) +
                         state_.picks.error_of_squares(standing.n_seen, until.n) +
                         slack() * std::fabs(squares);
    return {dot, squares + error};
  }

  [[nodiscard]] double bound_of(const Missed& missed, std::size_t n) const {
    return state_.bounds.from_squares(static_cast<double>(n), missed.squares);
  }

  MaxSumState<T>& state_;
  std::atomic<std::size_t> n_looked_at_{0};  // in the open window
};

}  // namespace thinset
