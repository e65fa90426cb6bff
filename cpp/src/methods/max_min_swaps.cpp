#include "methods/max_min_swaps.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "methods/nearest_medoids.hpp"
#include "rows/best_row.hpp"
#include "rows/elements.hpp"
#include "rows/loss.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 1024;
constexpr std::size_t picks_per_block = 256;
constexpr double infinity = std::numeric_limits<double>::infinity();

// Ranks are compared: for euclidean, squares.
Loss loss_of_ranks(Metric metric) {
  return Loss::distance(metric == Metric::euclidean ? Metric::sqeuclidean : metric);
}

// The smallest rank of each pick to the others, and how many of them are at it.
template <class T>
class ClosestPairs {
 public:
  ClosestPairs(const DistanceMeter<T>& meter, std::span<const std::size_t> rows, Job& job)
      : meter_(meter), job_(job), picked_(meter, rows.size()), closest_(rows.size()) {
    for (const std::size_t row : rows) {
      picked_.push_back(row);
    }
    job_.parallel_for(rows.size(), 1, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t place = begin; place < end; ++place) {
        find(place);
      }
    });
    settle();
  }

  void replace(std::size_t place, std::size_t row) {
    Point out;
    meter_.read(picked_.row(place), picked_.norm(place), out);
    picked_.replace(place, row);
    Point in;
    meter_.read(row, in);
    job_.parallel_for(closest_.size(), picks_per_block,
                      [&](std::size_t begin, std::size_t end, unsigned) {
                        for (std::size_t other = begin; other < end; ++other) {
                          if (other != place) {
                            exchange(other, out, in);
                          }
                        }
                      });
    find(place);
    settle();
  }

  [[nodiscard]] double smallest() const { return smallest_; }
  [[nodiscard]] std::size_t n_pairs() const { return n_pairs_; }
  // The number of closest pairs that the pick belongs to.
  [[nodiscard]] std::size_t n_pairs_of(std::size_t place) const {
    return closest_[place].rank == smallest_ ? closest_[place].n : 0;
  }

 private:
  struct Closest {
    double rank;
    std::size_t n;

    void offer(double other) {
      if (other < rank) {
        *this = {other, 1};
      } else if (other == rank) {
        ++n;
      }
    }
  };

  void find(std::size_t place) {
    Point point;
    meter_.read(picked_.row(place), picked_.norm(place), point);
    Closest closest{infinity, 0};
    for (std::size_t other = 0; other < closest_.size(); ++other) {
      if (other != place && !picked_.is_beyond(other, point, closest.rank)) {
        closest.offer(picked_.rank(other, point));
      }
    }
    closest_[place] = closest;
  }

  void exchange(std::size_t other, const Point& out, const Point& in) {
    Closest& closest = closest_[other];
    if (picked_.rank(other, out) == closest.rank && --closest.n == 0) {
      find(other);
    } else if (!picked_.is_beyond(other, in, closest.rank)) {
      closest.offer(picked_.rank(other, in));
    }
  }

  void settle() {
    smallest_ = std::ranges::min_element(closest_, {}, &Closest::rank)->rank;
    n_pairs_ = 0;
    for (const Closest& closest : closest_) {
      n_pairs_ += closest.rank == smallest_ ? closest.n : 0;
    }
    n_pairs_ /= 2;
  }

  const DistanceMeter<T>& meter_;
  Job& job_;
  PickedRows<T> picked_;
  std::vector<Closest> closest_;
  double smallest_ = 0.0;
  std::size_t n_pairs_ = 0;
};

template <class T>
class SmallestSearch {
 public:
  SmallestSearch(const DistanceMeter<T>& meter, std::size_t n_fixed,
                 const std::vector<bool>& is_open, Picks& picks, Job& job)
      : meter_(meter),
        job_(job),
        n_fixed_(n_fixed),
        picks_(picks),
        is_candidate_(is_open),
        nearest_(meter, loss_of_ranks(meter.metric()), picks.rows, job),
        pairs_(meter, picks.rows, job),
        scratch_(job.n_threads()) {
    for (const std::size_t row : picks.rows) {
      is_candidate_[row] = false;
    }
  }

  // Makes the best exchange; returns false if there is none.
  bool improve() {
    job_.check();
    const Exchange best = best_exchange();
    if (best.in >= is_candidate_.size()) {
      return false;
    }
    const double before = meter_.distance_from_rank(pairs_.smallest());
    is_candidate_[picks_.rows[best.place]] = true;
    is_candidate_[best.in] = false;
    picks_.rows[best.place] = best.in;
    nearest_.replace(best.place, best.in);
    pairs_.replace(best.place, best.in);
    picks_.swaps.push_back(meter_.distance_from_rank(pairs_.smallest()) - before);
    return true;
  }

 private:
  struct Exchange {
    std::size_t n_left = std::numeric_limits<std::size_t>::max();  // pairs at the smallest distance
    double rank = -infinity;
    std::size_t in = std::numeric_limits<std::size_t>::max();
    std::size_t out = std::numeric_limits<std::size_t>::max();
    std::size_t place = 0;

    [[nodiscard]] bool before(const Exchange& other) const {
      if (n_left != other.n_left) {
        return n_left < other.n_left;
      }
      if (rank != other.rank) {
        return rank > other.rank;
      }
      return in != other.in ? in < other.in : out < other.out;
    }
  };
  struct alignas(64) Scratch {
    BestRow by_nearest;
    std::vector<BestRow> of_place;  // rows of its own, by their second nearest pick
  };

  void measure_candidates() {
    for (Scratch& scratch : scratch_) {
      scratch.by_nearest = {};
      scratch.of_place.assign(picks_.rows.size(), {});
    }
    job_.parallel_for(is_candidate_.size(), rows_per_block,
                      [&](std::size_t begin, std::size_t end, unsigned thread) {
                        Scratch& scratch = scratch_[thread];
                        for (std::size_t row = begin; row < end; ++row) {
                          if (is_candidate_[row]) {
                            scratch.by_nearest.offer(nearest_.nearest(row), row);
                            scratch.of_place[nearest_.nearest_place(row)].offer(
                                nearest_.second(row), row);
                          }
                        }
                      });
  }

  [[nodiscard]] Exchange best_exchange() {
    measure_candidates();
    Exchange best;
    for (std::size_t place = n_fixed_; place < picks_.rows.size(); ++place) {
      const std::size_t n_pairs = pairs_.n_pairs_of(place);
      if (n_pairs == 0) {
        continue;
      }
      // A row of the place itself is no nearer by its second pick than by its nearest.
      BestRow row;
      for (const Scratch& scratch : scratch_) {
        row.offer(scratch.by_nearest.value, scratch.by_nearest.row);
        row.offer(scratch.of_place[place].value, scratch.of_place[place].row);
      }
      const Exchange exchange{pairs_.n_pairs() - n_pairs, row.value, row.row, picks_.rows[place],
                              place};
      if (row.value > pairs_.smallest() && exchange.before(best)) {
        best = exchange;
      }
    }
    return best;
  }

  const DistanceMeter<T>& meter_;
  Job& job_;
  std::size_t n_fixed_;
  Picks& picks_;
  std::vector<bool> is_candidate_;
  NearestMedoids<T> nearest_;
  ClosestPairs<T> pairs_;
  std::vector<Scratch> scratch_;
};

}  // namespace

template <class T>
void swap_for_smallest(const Rows<T>& rows, Metric metric, std::size_t n_fixed,
                       std::size_t max_swaps, const std::vector<bool>& is_open, Picks& picks,
                       Job& job) {
  const std::size_t k = picks.rows.size();
  // A single pick has no distance to others.
  if (max_swaps == 0 || k < 2 || n_fixed >= k || k == rows.size()) {
    return;
  }
  const DistanceMeter<T> meter(rows, metric, job);
  SmallestSearch<T> search(meter, n_fixed, is_open, picks, job);
  while (picks.swaps.size() < max_swaps && search.improve()) {
  }
}

std::uint64_t swap_for_smallest_memory(const SelectionSize& size) {
  const std::uint64_t per_row = NearestMedoids<float>::bytes_per_row() + 1;
  const std::uint64_t per_place =
      2 * sizeof(double) + std::uint64_t{size.n_threads} * sizeof(BestRow);
  return distance_meter_memory(size) + per_row * size.n_rows + per_place * size.n_samples +
         2 * picked_rows_memory(size);
}

#define THINSET_INSTANTIATE(T)                                                      \
  template void swap_for_smallest(const Rows<T>&, Metric, std::size_t, std::size_t, \
                                  const std::vector<bool>&, Picks&, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
