#include "methods/local_search.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "bounds/rounding.hpp"
#include "rows/distance_sums.hpp"
#include "rows/elements.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
constexpr double worthwhile = 1e-12;

struct Swap {
  double improvement;
  std::size_t in;
  std::size_t out;
  std::size_t place;  // of `out` among the picks

  [[nodiscard]] bool before(const Swap& other) const {
    if (improvement != other.improvement) {
      return improvement > other.improvement;
    }
    return in != other.in ? in < other.in : out < other.out;
  }
};

template <class T>
class LocalSearch {
 public:
  LocalSearch(const DistanceMeter<T>& meter, std::size_t n_fixed, Picks& picks, Job& job)
      : meter_(meter),
        job_(job),
        n_fixed_(n_fixed),
        picks_(picks),
        negative_distance_(error_of_cosine_rank(meter.n_columns())),
        is_chosen_(meter.rows().size(), false),
        sums_(meter.rows().size()) {
    PickedRows<T> set(meter, picks.rows.size());
    for (const std::size_t row : picks.rows) {
      set.push_back(row);
      is_chosen_[row] = true;
    }
    std::vector<std::size_t> all(sums_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    sum_distances(meter, set, all, sums_, job);
    objective_ = std::accumulate(picks.gains.begin(), picks.gains.end(), 0.0);
    const auto k = static_cast<double>(picks.rows.size());
    least_scale_ = meter.metric() == Metric::cosine ? k * k : 0.0;
  }

  // Makes the best exchange; returns false if none is worthwhile.
  bool improve() {
    const std::vector<std::size_t> places = places_by_sum();
    const double lowest = sums_[picks_.rows[places.front()]];
    const Swap none{worthwhile * std::max(objective_, least_scale_), sums_.size(), sums_.size(), 0};
    Swap best = none;
    for (const std::size_t in : rows_above(lowest)) {
      if (cannot_win(sums_[in] - lowest, best)) {
        break;
      }
      meter_.read(in, in_);
      for (const std::size_t place : places) {
        const std::size_t out = picks_.rows[place];
        const double difference = sums_[in] - sums_[out];
        if (cannot_win(difference, best)) {
          break;
        }
        const double distance = meter_.distance_from_rank(meter_.rank(out, in_));
        const Swap swap{difference - distance, in, out, place};
        if (swap.before(best)) {
          best = swap;
        }
      }
      job_.check();
    }
    if (!(best.improvement > none.improvement)) {
      return false;
    }
    carry_out(best);
    return true;
  }

  // Summed distances to the rows before, added in order.
  void settle_gains() {
    PickedRows<T> set(meter_, picks_.rows.size());
    for (const std::size_t row : picks_.rows) {
      set.push_back(row);
    }
    job_.parallel_for(set.size(), 16, [&](std::size_t begin, std::size_t end, unsigned) {
      Point point;
      for (std::size_t place = begin; place < end; ++place) {
        meter_.read(picks_.rows[place], point);
        double gain = 0.0;
        for (std::size_t before = 0; before < place; ++before) {
          gain += meter_.distance_from_rank(set.rank(before, point));
        }
        picks_.gains[place] = gain;
      }
    });
  }

 private:
  [[nodiscard]] bool cannot_win(double difference, const Swap& best) const {
    return difference + negative_distance_ < best.improvement;
  }

  // Places of picks that may be replaced, by ascending sum.
  [[nodiscard]] std::vector<std::size_t> places_by_sum() const {
    std::vector<std::size_t> places(picks_.rows.size() - n_fixed_);
    std::iota(places.begin(), places.end(), n_fixed_);
    std::ranges::sort(places, [&](std::size_t a, std::size_t b) {
      const double sum_a = sums_[picks_.rows[a]];
      const double sum_b = sums_[picks_.rows[b]];
      return sum_a != sum_b ? sum_a < sum_b : a < b;
    });
    return places;
  }

  // Rows not chosen whose sums may beat the lowest of the chosen, by descending sum.
  [[nodiscard]] std::vector<std::size_t> rows_above(double lowest) const {
    std::vector<std::size_t> rows;
    for (std::size_t row = 0; row < sums_.size(); ++row) {
      if (!is_chosen_[row] && sums_[row] + negative_distance_ > lowest) {
        rows.push_back(row);
      }
    }
    std::ranges::sort(rows, [&](std::size_t a, std::size_t b) {
      return sums_[a] != sums_[b] ? sums_[a] > sums_[b] : a < b;
    });
    return rows;
  }

  void carry_out(const Swap& swap) {
    meter_.read(swap.in, in_);
    meter_.read(swap.out, out_);
    job_.parallel_for(sums_.size(), rows_per_block,
                      [&](std::size_t begin, std::size_t end, unsigned) {
                        for (std::size_t row = begin; row < end; ++row) {
                          sums_[row] -= meter_.distance_from_rank(meter_.rank(row, out_));
                          sums_[row] += meter_.distance_from_rank(meter_.rank(row, in_));
                        }
                      });
    is_chosen_[swap.out] = false;
    is_chosen_[swap.in] = true;
    picks_.rows[swap.place] = swap.in;
    picks_.swaps.push_back(swap.improvement);
    objective_ += swap.improvement;
  }

  const DistanceMeter<T>& meter_;
  Job& job_;
  std::size_t n_fixed_;
  Picks& picks_;
  double negative_distance_;  // rounding may take cosine distances this far below 0
  std::vector<bool> is_chosen_;
  std::vector<double> sums_;
  double objective_ = 0.0;
  double least_scale_;
  Point in_;
  Point out_;
};

}  // namespace

template <class T>
void swap_for_sum(const Rows<T>& rows, Metric metric, std::size_t n_fixed, std::size_t max_swaps,
                  Picks& picks, Job& job) {
  if (max_swaps == 0 || n_fixed == picks.rows.size() || picks.rows.size() == rows.size()) {
    return;
  }
  const DistanceMeter<T> meter(rows, metric, job);
  LocalSearch<T> search(meter, n_fixed, picks, job);
  while (picks.swaps.size() < max_swaps && search.improve()) {
  }
  if (!picks.swaps.empty()) {
    search.settle_gains();
  }
}

#define THINSET_INSTANTIATE(T) \
  template void swap_for_sum(const Rows<T>&, Metric, std::size_t, std::size_t, Picks&, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
