#include "methods/medoid_swaps.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "bounds/pair_bounds.hpp"
#include "bounds/rough_rows.hpp"
#include "methods/nearest_medoids.hpp"
#include "methods/reach_lists.hpp"
#include "rows/block_sum.hpp"
#include "rows/elements.hpp"

namespace thinset {

namespace {

constexpr double worthwhile = 1e-12;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double lowest = std::numeric_limits<double>::lowest();
// Candidates that are bounded together: after an exchange, and at most.
constexpr std::size_t min_together = 16;
constexpr std::size_t max_together = 1024;
constexpr std::size_t candidates_per_block = 8;
// Measuring one row takes as long as this many pairs in a pass over all of them.
constexpr std::size_t pairs_per_row = 6;

template <class T>
class MedoidSwaps {
 public:
  MedoidSwaps(const DistanceMeter<T>& meter, const Loss& loss, std::size_t n_fixed,
              const std::vector<bool>& is_open, Picks& picks, Job& job)
      : meter_(meter),
        loss_(loss),
        job_(job),
        n_fixed_(n_fixed),
        picks_(picks),
        is_candidate_(is_open),
        rough_(meter, loss, job),
        nearest_(meter, loss, picks.rows, job),
        lists_(rough_, is_open, job),
        reach_(meter.rows().size(), -infinity),
        listed_(meter.rows().size()),
        scratch_(job.n_threads()) {
    for (const std::size_t row : picks.rows) {
      is_candidate_[row] = false;
    }
    for (Scratch& scratch : scratch_) {
      scratch.of_place.resize(picks.rows.size());
    }
    settle();
  }

  void run(std::size_t max_swaps) {
    const std::size_t n = reach_.size();
    std::size_t next = 0;
    std::size_t together = min_together;
    for (std::size_t n_failed = 0; n_failed < n && picks_.swaps.size() < max_swaps;) {
      list_from(next);
      std::size_t n_now = std::min(together, n - n_failed);
      if (rough_.is_usable()) {
        n_now = std::min(n_now, lists_.n_listed_from(next));
      }
      const std::size_t found = first_worthwhile(next, n_now);
      n_measured_ += std::min(found + 1, n_now) * unlisted_.size();
      n_failed = found < n_now ? 0 : n_failed + n_now;
      together = found < n_now ? min_together : std::min(2 * together, max_together);
      next = (next + std::min(found + 1, n_now)) % n;
    }
  }

 private:
  struct Exchange {
    double surplus = -infinity;  // of the improvement above what is worthwhile
    double improvement = 0.0;
    std::size_t place = 0;
  };
  // What lists need to know of a row, close together in memory.
  struct Held {
    double nearest;
    double second;
    std::uint32_t place;
  };
  struct PlaceSum {
    BlockSum sum;
    bool has_terms = false;
  };
  struct alignas(64) Scratch {
    Point point;
    std::vector<PlaceSum> of_place;
    std::vector<std::uint32_t> places;  // that have terms
  };

  // Everything that follows from the medoids.
  void settle() {
    std::vector<BlockSum> of_place(picks_.rows.size());
    BlockSum all;
    unlisted_.clear();
    for (std::size_t row = 0; row < reach_.size(); ++row) {
      const double nearest = nearest_.nearest(row);
      const double second = nearest_.second(row);
      const std::uint32_t place = nearest_.nearest_place(row);
      all.add(row, nearest);
      of_place[place].add(row, second - nearest);
      listed_[row] = {nearest, second, place};
      if (second > reach_[row]) {
        unlisted_.push_back(static_cast<std::uint32_t>(row));
        listed_[row] = {lowest, lowest, place};
      }
    }
    double scale = std::fabs(all.total());
    if (loss_.metric() == Metric::cosine && !loss_.is_gaussian()) {
      scale = std::max(scale, static_cast<double>(reach_.size()));
    }
    removal_.resize(of_place.size());
    hurdles_.assign(of_place.size(), infinity);
    least_hurdle_ = infinity;
    for (std::size_t place = n_fixed_; place < of_place.size(); ++place) {
      removal_[place] = of_place[place].total();
      hurdles_[place] = removal_[place] + worthwhile * (scale + removal_[place]);
      least_hurdle_ = std::min(least_hurdle_, hurdles_[place]);
    }
  }

  // Makes lists for the next candidates, unless there are some that are good enough.
  void list_from(std::size_t candidate) {
    const std::size_t n = reach_.size();
    if (!rough_.is_usable()) {
      return;
    }
    const bool is_too_slow = n_measured_ > lists_.n_listed() * n / pairs_per_row;
    if (lists_.n_listed_from(candidate) > 0 && !is_too_slow) {
      return;
    }
    for (std::size_t row = 0; row < n; ++row) {
      reach_[row] = nearest_.known(row, NearestMedoids<T>::n_known);
    }
    lists_.list(candidate, reach_);
    n_measured_ = 0;
    settle();
  }

  // Tries n candidates from this one on: makes the first worthwhile exchange, and returns how many
  // candidates come before it, or n.
  std::size_t first_worthwhile(std::size_t candidate, std::size_t n) {
    may_improve_.assign(n, 0);
    job_.parallel_for(
        n, candidates_per_block, [&](std::size_t begin, std::size_t end, unsigned thread) {
          for (std::size_t i = begin; i < end; ++i) {
            const std::size_t row = (candidate + i) % reach_.size();
            may_improve_[i] =
                static_cast<char>(is_candidate_[row] && may_improve(row, scratch_[thread]));
          }
        });
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t row = (candidate + i) % reach_.size();
      if (may_improve_[i] != 0) {
        const Exchange exchange = best_exchange(row, scratch_[0]);
        if (exchange.surplus > 0.0) {
          carry_out(row, exchange);
          return i;
        }
      }
    }
    return n;
  }

  // Sums the terms of a row: G returned, E by place in `scratch`.
  double sum_terms(std::size_t candidate, bool is_exact, Scratch& scratch) const {
    if (is_exact || !unlisted_.empty()) {
      meter_.read(candidate, scratch.point);
    }
    scratch.places.clear();
    BlockSum gain;
    // Without branches: terms of rows that do not count are 0.
    const auto add = [&](std::uint32_t row, double loss, const Held& held) {
      gain.add(row, std::max(0.0, held.nearest - loss));
      PlaceSum& of_place = scratch.of_place[held.place];
      if (!of_place.has_terms) {
        of_place.has_terms = true;
        scratch.places.push_back(held.place);
      }
      of_place.sum.add(row, held.second - std::min(held.second, std::max(held.nearest, loss)));
    };
    const auto measure = [&](std::uint32_t row) {
      if (!meter_.is_beyond(meter_.rows().row(row), scratch.point, nearest_.useless_beyond(row))) {
        const double loss = loss_.of_rank(meter_.rank(row, scratch.point));
        add(row, loss, {nearest_.nearest(row), nearest_.second(row), nearest_.nearest_place(row)});
      }
    };
    auto unlisted = unlisted_.begin();
    for (const auto& [row, at_least] : lists_[candidate]) {
      for (; unlisted != unlisted_.end() && *unlisted < row; ++unlisted) {
        measure(*unlisted);
      }
      if (!is_exact) {
        add(row, at_least, listed_[row]);
      } else if (at_least < listed_[row].second) {
        measure(row);
      }
    }
    for (; unlisted != unlisted_.end(); ++unlisted) {
      measure(*unlisted);
    }
    return gain.total();
  }

  bool may_improve(std::size_t candidate, Scratch& scratch) const {
    const double gain = sum_terms(candidate, false, scratch);
    bool may = gain > least_hurdle_;
    for (const std::uint32_t place : scratch.places) {
      may = may || gain + scratch.of_place[place].sum.total() > hurdles_[place];
      scratch.of_place[place] = {};
    }
    return may;
  }

  Exchange best_exchange(std::size_t candidate, Scratch& scratch) const {
    const double gain = sum_terms(candidate, true, scratch);
    Exchange best;
    for (std::size_t place = n_fixed_; place < hurdles_.size(); ++place) {
      const double decrease = gain + scratch.of_place[place].sum.total();
      const double surplus = decrease - hurdles_[place];
      if (surplus > best.surplus ||
          (surplus == best.surplus && picks_.rows[place] < picks_.rows[best.place])) {
        best = {surplus, decrease - removal_[place], place};
      }
    }
    for (const std::uint32_t place : scratch.places) {
      scratch.of_place[place] = {};
    }
    return best;
  }

  void carry_out(std::size_t row, const Exchange& exchange) {
    is_candidate_[picks_.rows[exchange.place]] = true;
    is_candidate_[row] = false;
    picks_.rows[exchange.place] = row;
    picks_.swaps.push_back(exchange.improvement);
    nearest_.replace(exchange.place, row);
    settle();
  }

  const DistanceMeter<T>& meter_;
  Loss loss_;
  Job& job_;
  std::size_t n_fixed_;
  Picks& picks_;
  std::vector<bool> is_candidate_;
  RoughRows<T> rough_;
  NearestMedoids<T> nearest_;
  ReachLists<T> lists_;
  std::vector<double> reach_;            // per row, the loss up to which it is listed
  std::vector<Held> listed_;             // rows that do not matter further than that
  std::vector<std::uint32_t> unlisted_;  // the others
  std::size_t n_measured_ = 0;           // of unlisted rows, since the last lists
  std::vector<double> removal_;          // L of every place
  std::vector<double> hurdles_;          // what G + E must exceed; infinite for fixed medoids
  double least_hurdle_ = infinity;
  std::vector<char> may_improve_;
  std::vector<Scratch> scratch_;
};

}  // namespace

template <class T>
void swap_medoids(const Rows<T>& rows, const Loss& loss, std::size_t n_fixed, std::size_t max_swaps,
                  const std::vector<bool>& is_open, Picks& picks, Job& job) {
  const std::size_t k = picks.rows.size();
  // A single medoid is the best there is already.
  if (max_swaps == 0 || k < 2 || n_fixed == k || k == rows.size()) {
    return;
  }
  const DistanceMeter<T> meter(rows, loss.metric(), job);
  MedoidSwaps<T>(meter, loss, n_fixed, is_open, picks, job).run(max_swaps);
}

std::uint64_t swap_medoids_memory(const SelectionSize& size) {
  const std::uint64_t of_sample = 1024 * size.n_columns * (sizeof(double) + sizeof(float));
  const std::uint64_t per_row = NearestMedoids<float>::bytes_per_row() + 8 * sizeof(double);
  const std::uint64_t per_place = (size.n_threads + 2) * 2 * sizeof(BlockSum);
  return per_row * size.n_rows + per_place * size.n_samples + picked_rows_memory(size) + of_sample +
         size.n_threads * bytes_of_tiles(size.n_columns) +
         ReachLists<float>::bytes(size.n_rows, size.n_columns, size.n_threads);
}

#define THINSET_INSTANTIATE(T)                                                      \
  template void swap_medoids(const Rows<T>&, const Loss&, std::size_t, std::size_t, \
                             const std::vector<bool>&, Picks&, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
