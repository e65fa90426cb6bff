#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "bounds/rounding.hpp"
#include "methods/max_min.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "thinset/certificates.hpp"
#include "thinset/objective.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
constexpr double infinity = std::numeric_limits<double>::infinity();

// In squares of Euclidean distances (for cosine: between directions).
double jung_factor(std::size_t m) {
  const auto n = static_cast<double>(m);
  return 2.0 * (n + 1.0) / n;
}

template <class T>
double square_from_rank(const DistanceMeter<T>& meter, double rank) {
  const double error = rounding_error(meter.n_columns());
  const double floor = lost_to_underflow(meter.n_columns());
  return meter.metric() == Metric::cosine ? std::max(0.0, 2.0 * (rank + error))
                                          : rank * (1.0 + error) + floor * floor;
}

template <class T>
double distance_from_square(const DistanceMeter<T>& meter, double square) {
  const double rank = meter.metric() == Metric::cosine ? 0.5 * square : square;
  return meter.distance_from_rank(rank) * (1.0 + 0x1p-50);
}

// Entry j: no row is further, squared, from the nearest of the first j farthest-point picks.
template <class T>
std::vector<double> cover_squares(const DistanceMeter<T>& meter, const ColumnSummary& summary,
                                  std::size_t k, Job& job) {
  job.set_total(k);
  std::vector<double> squares = max_min(meter.rows(), summary, k, meter.metric(), {}, job).gains;
  for (double& value : squares) {
    value = square_from_rank(
        meter, meter.metric() == Metric::euclidean ? value * value * (1.0 + 0x1p-50) : value);
  }
  return squares;
}

// The squared distances from the mean (for cosine, of the direction from the mean's), descending.
template <class T>
std::vector<double> squares_from_mean(const DistanceMeter<T>& meter, const ColumnSummary& summary,
                                      Job& job) {
  Point mean;
  meter.read(summary.mean, mean);
  std::vector<double> squares(meter.rows().size(), infinity);
  if (meter.metric() == Metric::cosine && !(mean.norm >= 0x1p-480 && mean.norm <= 0x1p480)) {
    return squares;
  }
  job.parallel_for(squares.size(), rows_per_block,
                   [&](std::size_t begin, std::size_t end, unsigned) {
                     for (std::size_t i = begin; i < end; ++i) {
                       squares[i] = square_from_rank(meter, meter.rank(i, mean));
                     }
                   });
  std::ranges::sort(squares, std::greater<>());
  return squares;
}

template <class T>
double bound_of(const Rows<T>& rows, std::size_t k, Metric metric, Job& job) {
  const ColumnSummary summary = summarise_columns(rows, job);
  const DistanceMeter<T> meter(rows, metric, job);
  // Among k directions, some pair is no further apart than the vertices of a regular simplex.
  double smallest = metric == Metric::cosine ? jung_factor(k - 1) : infinity;
  const std::vector<double> cover = cover_squares(meter, summary, k, job);
  const std::vector<double> radius = squares_from_mean(meter, summary, job);
  for (std::size_t m = 1; m < k; ++m) {
    const double ball = std::min(cover[(k - 1) / m], radius[k - m - 1]);
    smallest = std::min(smallest, ball * jung_factor(m));
  }
  return distance_from_square(meter, smallest);
}

}  // namespace

double upper_bound_of_smallest_pairwise_distance(const AnyMatrix& embeddings,
                                                 std::span<const std::int64_t> indices,
                                                 Metric metric, Job& job) {
  check_indices(embeddings, indices, 2, embeddings.n_rows);
  return visit(embeddings, [&]<class T>(const Rows<T>& rows) {
    return bound_of(rows, indices.size(), metric, job);
  });
}

}  // namespace thinset
