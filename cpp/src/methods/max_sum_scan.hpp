// The plain mode of max-sum, for rows that bounds cannot separate.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "methods/max_sum_state.hpp"

namespace thinset {

// Measures every row against every pick, in matrix order: roughly, if float32 can
// (rough_distance.hpp), and then exactly only the rows that may have the largest sum. Bounds are
// tried again after twice as many picks as the last time.
template <class T>
class MaxSumScan {
 public:
  MaxSumScan(MaxSumState<T>& state, std::size_t first_length)
      : state_(state), length_(first_length) {}

  [[nodiscard]] bool is_active() const { return is_active_; }

  void start() {
    is_active_ = true;
    state_.become_rough();
    length_ *= 2;
    n_at_end_ = state_.picks.size() + length_;
    state_.ceilings.sort_by_row();
  }

  // Offers the rows that may have the largest sum: all, or with rough sums those that reach the
  // bar, the best exact sum found by any thread. `hint` is one that probably has a large one.
  void run(std::size_t hint, std::vector<MaxSumScratch>& scratch) {
    Bar bar;
    const std::size_t place_of_hint = state_.ceilings.place_of(hint);
    if (state_.is_rough() && !state_.ceilings.is_picked(place_of_hint)) {
      look_at(place_of_hint, bar, scratch[0]);
    }
    const std::size_t rows_at_once =
        std::clamp(state_.rows_per_turn(), Ceilings::rows_per_block, most_rows_at_once);
    state_.job.parallel_for(state_.ceilings.size(), rows_at_once,
                            [&](std::size_t begin, std::size_t end, unsigned thread) {
                              if (state_.is_rough()) {
                                see_last_pick_roughly(begin, end);
                              }
                              for (std::size_t place = begin; place < end; ++place) {
                                if (!state_.ceilings.is_picked(place)) {
                                  look_at(place, bar, scratch[thread]);
                                }
                              }
                            });
  }

  // Call after run(). It ends at the start of a window, when all rows have processed all picks.
  [[nodiscard]] bool is_due_to_end() const {
    return state_.picks.size() == state_.picks.before_window().n &&
           state_.picks.size() >= n_at_end_;
  }
  void stop() {
    is_active_ = false;
    Ceilings& ceilings = state_.ceilings;
    ceilings.for_each_place(Ceilings::rows_per_block, [&](std::size_t place) {
      Standing& standing = ceilings.standing(place);
      if (!ceilings.is_picked(place)) {
        standing.dot = state_.picks.centred_dot(standing.row, state_.picks.now());
        ceilings.set_base(place, standing.sum);
      }
    });
    ceilings.sort_by_radius();
  }

 private:
  static constexpr std::size_t most_rows_at_once = 1024;
  static constexpr std::size_t rows_per_group = 64;

  // Of the rows that have processed all other picks.
  void see_last_pick_roughly(std::size_t begin, std::size_t end) {
    std::array<const T*, rows_per_group> rows;
    std::array<std::size_t, rows_per_group> places;
    std::array<float, rows_per_group> values;
    for (std::size_t place = begin; place < end;) {
      std::size_t n = 0;
      for (; place < end && n < rows_per_group; ++place) {
        const Standing& standing = state_.ceilings.standing(place);
        if (standing.n_seen + 1 == state_.picked.size() && !state_.ceilings.is_picked(place)) {
          places[n] = place;
          rows[n++] = state_.meter.rows().row(standing.row);
        }
      }
      state_.rough.measure(rows.data(), n, state_.last_pick, values.data());
      for (std::size_t i = 0; i < n; ++i) {
        Standing& standing = state_.ceilings.standing(places[i]);
        standing.sum +=
            state_.rough
                .bounds_of(values[i], rows[i], state_.meter.norm(standing.row), state_.last_pick)
                .at_most;
        ++standing.n_seen;
      }
    }
  }

  void look_at(std::size_t place, Bar& bar, MaxSumScratch& scratch) {
    Standing& standing = state_.ceilings.standing(place);
    if (state_.is_rough()) {
      if (standing.n_seen < state_.picked.size()) {
        state_.meter.read(standing.row, scratch.point);
        state_.see_roughly(standing, state_.picked.size(), scratch.point, [](double) {});
      }
      const double bar_of_row = state_.ceilings.bar_of(place, bar.value());
      if (standing.sum * (1.0 + state_.picks.slack()) < bar_of_row) {
        scratch.offer_rough(state_.value_of(standing), standing.row);
        return;
      }
      state_.settle(standing, scratch.point);
    } else if (standing.n_seen + 1 == state_.picked.size()) {
      const double rank = state_.meter.rank(standing.row, state_.last_pick);
      standing.sum += state_.meter.distance_from_rank(rank);
      ++standing.n_seen;
    } else {
      state_.settle(standing, scratch.point);
    }
    const double value = state_.value_of(standing);
    bar.raise_to(value);
    scratch.offer(value, standing.row);
  }

  MaxSumState<T>& state_;
  bool is_active_ = false;
  std::size_t length_;
  std::size_t n_at_end_ = 0;  // number of picks that ends the scan
};

}  // namespace thinset
