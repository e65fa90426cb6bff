// The state shared by both modes of max-sum.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "bounds/centred_points.hpp"
#include "bounds/sum_bounds.hpp"
#include "methods/ceilings.hpp"
#include "methods/terms.hpp"
#include "rows/best_row.hpp"
#include "rows/distance.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

template <class T>
struct MaxSumState {
  MaxSumState(const DistanceMeter<T>& meter_used, std::vector<double> centre, std::size_t k,
              const Terms& terms_used, Job& job_used)
      : meter(meter_used),
        terms(terms_used),
        job(job_used),
        bounds(meter.metric()),
        picks(meter, std::move(centre), k),
        picked(meter, k),
        ceilings(meter.rows().size(), picks.slack(), terms.weights, job) {}

  // Adds the distances to the picks that a row has not processed, in order.
  void see_all(Standing& standing, Point& point) const {
    meter.read(standing.row, point);
    for (; standing.n_seen < picked.size(); ++standing.n_seen) {
      standing.sum += meter.distance_from_rank(picked.rank(standing.n_seen, point));
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

  const DistanceMeter<T>& meter;
  const Terms& terms;
  Job& job;
  SumBounds bounds;
  CentredPoints<T> picks;
  PickedRows<T> picked;  // the rows of `picks`
  Point last_pick;
  Ceilings ceilings;
};

struct alignas(64) MaxSumScratch {
  Point point;
  std::vector<std::size_t> places;
  BestRow best;
  BestRow second;

  void offer(double value, std::size_t row) {
    if (value > best.value) {
      second = best;
    }
    best.offer(value, row);
  }
};

}  // namespace thinset
