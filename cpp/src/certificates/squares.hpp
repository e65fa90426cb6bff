// Squared Euclidean distances as real numbers, at least; for cosine, between directions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "bounds/rounding.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

template <class T>
double square_from_rank(const DistanceMeter<T>& meter, double rank) {
  const double error = rounding_error(meter.n_columns());
  const double floor = lost_to_underflow(meter.n_columns());
  return meter.metric() == Metric::cosine ? std::max(0.0, 2.0 * (rank + error))
                                          : rank * (1.0 + error) + floor * floor;
}

// The squared distances from the mean (for cosine, of the direction from the mean's), at least.
template <class T>
std::vector<double> squares_from_mean(const DistanceMeter<T>& meter, const ColumnSummary& summary,
                                      Job& job) {
  constexpr std::size_t rows_per_block = 256;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Point mean;
  meter.read(summary.mean, mean);
  std::vector<double> squares(meter.rows().size(), infinity);
  if (meter.metric() == Metric::cosine && !(mean.norm >= 0x1p-480 && mean.norm <= 0x1p480)) {
    return squares;
  }
  job.parallel_for(squares.size(), rows_per_block,
                   [&](std::size_t begin, std::size_t end, unsigned) {
                     for (std::size_t i = begin; i < end; ++i) {
                       const double square = square_from_rank(meter, meter.rank(i, mean));
                       // Not if it is no number, because the mean left float64's range.
                       squares[i] = square >= 0.0 ? square : infinity;
                     }
                   });
  return squares;
}

}  // namespace thinset
