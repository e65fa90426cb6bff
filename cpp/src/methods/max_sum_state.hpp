// The state shared by both modes of max-sum.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "bounds/centred_points.hpp"
#include "bounds/rough_distance.hpp"
#include "bounds/sum_bounds.hpp"
#include "methods/ceilings.hpp"
#include "methods/terms.hpp"
#include "rows/best_row.hpp"
#include "rows/distance.hpp"
#include "simd/screen_kernels.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// The exact sum of a row's distances to the first n_seen picks.
struct DistanceSum {
  std::size_t n_seen = 0;
  double sum = 0.0;
};

struct alignas(64) MaxSumScratch {
  Point point;
  std::vector<std::size_t> places;
  BestRow best;
  BestRow second;

  void offer(double value, std::size_t row) {
    if (value > best.value) {
      offer_rough(best.value, best.row);
    }
    best.offer(value, row);
  }
  // A row that is certainly not the best: a hint for the next pick.
  void offer_rough(double value, std::size_t row) {
    if (value > second.value) {
      second = {value, row};
    }
  }
};

// When to scan all rows instead of searching: the share of rows evaluated in a search from which on
// a scan is faster, and the number of picks of the first one.
struct ScanCosts {
  double share_worth_one = 0.1;
  std::size_t first_length = 16;

  static ScanCosts of(std::size_t n_rows, std::size_t n_columns) {
    constexpr std::size_t few_rows = 2048;  // a search costs more than it spares
    if (n_rows <= few_rows) {
      return {0.0, std::numeric_limits<std::size_t>::max() / 4};
    }
    if (n_columns < points_per_block) {  // see rough_blocks.hpp
      return {0.02, 8192};
    }
    return {};
  }
};

// At first, the sum of a standing is exact. From become_rough() on, it is the sum of rough
// distances (rough_distance.hpp), never below the exact one. Every bound on it holds as before;
// only rows that may have the largest sum are also measured exactly, and then their standing has
// the exact sum.
template <class T>
struct MaxSumState {
  MaxSumState(const DistanceMeter<T>& meter_used, std::vector<double> centre, std::size_t k,
              const Terms& terms_used, Job& job_used)
      : n_picks(k),
        meter(meter_used),
        terms(terms_used),
        job(job_used),
        bounds(meter.metric()),
        picks(meter, std::move(centre), k),
        picked(meter, k),
        ceilings(meter.rows().size(), picks.slack(), terms.weights, job),
        rough(meter),
        scans(ScanCosts::of(meter.rows().size(), meter.n_columns())) {}

  [[nodiscard]] bool is_rough() const { return !exact_sums.empty(); }
  void become_rough() {
    if (is_rough() || !rough.is_usable()) {
      return;
    }
    exact_sums.resize(ceilings.size());
    ceilings.for_each_place(Ceilings::rows_per_block, [&](std::size_t place) {
      const Standing& standing = ceilings.standing(place);
      exact_sums[standing.row] = {standing.n_seen, standing.sum};
    });
  }

  // The exact sum of a row's distances to all picks, added in their order. The standing must have
  // seen all picks, unless the row is about to be picked.
  double settle(Standing& standing, Point& point) {
    if (!is_rough()) {
      meter.read(standing.row, point);
      add_distances(standing.sum, standing.n_seen, point);
      return standing.sum;
    }
    DistanceSum& exact = exact_sums[standing.row];
    if (exact.n_seen < picked.size()) {
      meter.read(standing.row, point);
      add_distances(exact.sum, exact.n_seen, point);
    }
    standing.sum = exact.sum;
    return exact.sum;
  }

  // Does the work of settle() for a row with all threads, if it is worth that.
  void settle_together(std::size_t row, Point& point) {
    if (!is_rough() || job.n_threads() == 1) {
      return;
    }
    DistanceSum& exact = exact_sums[row];
    const std::size_t n = picked.size() - exact.n_seen;
    if (n < 2 * distances_per_block) {
      return;
    }
    meter.read(row, point);
    distances.resize(n);
    job.parallel_for(n, distances_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t i = begin; i < end; ++i) {
        distances[i] = meter.distance_from_rank(picked.rank(exact.n_seen + i, point));
      }
    });
    for (const double distance : distances) {
      exact.sum += distance;
    }
    exact.n_seen = picked.size();
  }

  // Adds to a standing the distances to the picks up to `end`, rough ones; body(square) for each,
  // with at most the squared distance. `point` is the row.
  template <class Body>
  void see_roughly(Standing& standing, std::size_t end, const Point& point, const Body& body) {
    std::array<const T*, picks_at_once> rows;
    std::array<float, picks_at_once> values;
    while (standing.n_seen < end) {
      const std::size_t n = std::min(end - standing.n_seen, picks_at_once);
      for (std::size_t i = 0; i < n; ++i) {
        rows[i] = picked.row(standing.n_seen + i);
      }
      rough.measure_rows(rows.data(), n, point, values.data());
      for (std::size_t i = 0; i < n; ++i, ++standing.n_seen) {
        const RoughDistance distance =
            rough.bounds_of(values[i], rows[i], picked.norm(standing.n_seen), point);
        standing.sum += distance.at_most;
        body(distance.square_at_least);
      }
    }
  }

  // Limits the work between checks for interrupts, however many picks there are.
  [[nodiscard]] std::size_t rows_per_turn() const {
    constexpr std::size_t pairs_per_turn = std::size_t{1} << 21;
    return pairs_per_turn / (picked.size() + 1);
  }

  // What a row competes by.
  [[nodiscard]] double value_of(const Standing& standing) const {
    return standing.sum * terms.weight(standing.row);
  }

  static constexpr std::size_t picks_at_once = 16;
  static constexpr std::size_t distances_per_block = 128;  // several microseconds

  const std::size_t n_picks;  // how many there will be
  const DistanceMeter<T>& meter;
  const Terms& terms;
  Job& job;
  SumBounds bounds;
  CentredPoints<T> picks;
  PickedRows<T> picked;              // the rows of `picks`
  std::vector<std::size_t> numbers;  // of those rows; the number of rows, if it is none of them
  Point last_pick;
  Ceilings ceilings;
  RoughDistances<T> rough;
  ScanCosts scans;
  std::vector<DistanceSum> exact_sums;  // by row; empty while standings are exact
  std::vector<double> distances;        // of settle_together

 private:
  void add_distances(double& sum, std::size_t& n_seen, const Point& point) const {
    for (; n_seen < picked.size(); ++n_seen) {
      sum += meter.distance_from_rank(picked.rank(n_seen, point));
    }
  }
};

}  // namespace thinset
