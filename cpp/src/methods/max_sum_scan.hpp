// The plain mode of max-sum, for rows that bounds cannot separate.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "methods/max_sum_state.hpp"

namespace thinset {

// Measures every row against every pick, in matrix order. Bounds are tried again after twice as
// many picks as the last time.
template <class T>
class MaxSumScan {
 public:
  MaxSumScan(MaxSumState<T>& state, std::size_t first_length)
      : state_(state), length_(first_length) {}

  [[nodiscard]] bool is_active() const { return is_active_; }

  void start() {
    is_active_ = true;
    length_ *= 2;
    n_at_end_ = state_.picks.size() + length_;
    state_.ceilings.sort_by_row();
  }

  // Offers the exact sum of every row that is not picked.
  void run(std::vector<MaxSumScratch>& scratch) {
    const std::size_t rows_at_once =
        std::clamp(state_.rows_per_turn(), Ceilings::rows_per_block, most_rows_at_once);
    state_.job.parallel_for(state_.ceilings.size(), rows_at_once,
                            [&](std::size_t begin, std::size_t end, unsigned thread) {
                              for (std::size_t place = begin; place < end; ++place) {
                                if (!state_.ceilings.is_picked(place)) {
                                  see_last_pick(state_.ceilings.standing(place), scratch[thread]);
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

  void see_last_pick(Standing& standing, MaxSumScratch& scratch) const {
    if (standing.n_seen + 1 == state_.picked.size()) {
      const double rank = state_.meter.rank(standing.row, state_.last_pick);
      standing.sum += state_.meter.distance_from_rank(rank);
      ++standing.n_seen;
    } else {
      state_.see_all(standing, scratch.point);
    }
    scratch.offer(state_.value_of(standing), standing.row);
  }

  MaxSumState<T>& state_;
  bool is_active_ = false;
  std::size_t length_;
  std::size_t n_at_end_ = 0;  // number of picks that ends the scan
};

}  // namespace thinset
