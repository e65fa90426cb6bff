#include "thinset/objective.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "rows/block_sum.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;

// Calls body(meter, point, i) for the i-th of the subset, on the subset's own rows.
template <class Body>
void for_each_query(const AnyMatrix& embeddings, std::span<const std::int64_t> indices,
                    Metric metric, Job& job, const Body& body) {
  visit(embeddings, [&]<class T>(const Rows<T>& rows) {
    const Rows<T> subset = rows.restricted_to(indices);
    require_finite(subset, job);
    const DistanceMeter<T> meter(subset, metric, job);
    Point point;
    job.set_total(indices.size());
    for (std::size_t i = 0; i < indices.size(); ++i) {
      meter.read(i, point);
      body(meter, point, i);
      job.advance(1);
    }
  });
}

// Every row's distance to its nearest row of the subset.
std::vector<double> nearest_distances(const AnyMatrix& embeddings,
                                      std::span<const std::int64_t> indices, Metric metric,
                                      Job& job) {
  check_indices(embeddings, indices, 1);
  return visit(embeddings, [&]<class T>(const Rows<T>& rows) {
    // Refuses NaN, which a selection does not read in rows that it excludes: the minimum and the
    // maximum below would pass over it, each in its own way.
    require_finite(rows, job);
    const DistanceMeter<T> meter(rows, metric, job);
    Point point;
    std::vector<double> nearest(rows.size(), std::numeric_limits<double>::infinity());
    job.set_total(indices.size());
    for (const std::int64_t index : indices) {
      meter.read(static_cast<std::size_t>(index), point);
      job.parallel_for(rows.size(), rows_per_block,
                       [&](std::size_t begin, std::size_t end, unsigned) {
                         for (std::size_t i = begin; i < end; ++i) {
                           nearest[i] = std::min(nearest[i], meter.distance(i, point));
                         }
                       });
      job.advance(1);
    }
    return nearest;
  });
}

}  // namespace

void check_indices(const AnyMatrix& embeddings, std::span<const std::int64_t> indices,
                   std::size_t at_least, std::size_t at_most) {
  if (indices.size() < at_least) {
    throw InvalidInput("this figure needs at least " + std::to_string(at_least) + " indices, got " +
                       std::to_string(indices.size()));
  }
  if (indices.size() > at_most) {
    throw InvalidInput("this figure takes at most as many indices as there are rows, " +
                       std::to_string(at_most) + "; got " + std::to_string(indices.size()));
  }
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || static_cast<std::uint64_t>(indices[i]) >= embeddings.n_rows) {
      throw InvalidInput("indices must be in [0, " + std::to_string(embeddings.n_rows) +
                         "): position " + std::to_string(i) + " holds " +
                         std::to_string(indices[i]));
    }
  }
}

double sum_of_pairwise_distances(const AnyMatrix& embeddings, std::span<const std::int64_t> indices,
                                 Metric metric, Job& job) {
  check_indices(embeddings, indices, 2);
  std::vector<double> block_sums;
  double sum = 0.0;
  for_each_query(
      embeddings, indices, metric, job, [&](const auto& meter, const Point& point, std::size_t i) {
        block_sums.assign(i / rows_per_block + 1, 0.0);
        job.parallel_for(i, rows_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
          double block = 0.0;
          for (std::size_t other = begin; other < end; ++other) {
            block += meter.distance(other, point);
          }
          block_sums[begin / rows_per_block] = block;
        });
        for (const double block : block_sums) {
          sum += block;
        }
      });
  return sum;
}

double smallest_pairwise_distance(const AnyMatrix& embeddings,
                                  std::span<const std::int64_t> indices, Metric metric, Job& job) {
  check_indices(embeddings, indices, 2);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> smallest(job.n_threads(), infinity);
  double result = infinity;
  for_each_query(
      embeddings, indices, metric, job, [&](const auto& meter, const Point& point, std::size_t i) {
        job.parallel_for(
            i, rows_per_block, [&](std::size_t begin, std::size_t end, unsigned thread) {
              for (std::size_t other = begin; other < end; ++other) {
                smallest[thread] = std::min(smallest[thread], meter.distance(other, point));
              }
            });
        result = *std::ranges::min_element(smallest);
      });
  return result;
}

double covering_radius(const AnyMatrix& embeddings, std::span<const std::int64_t> indices,
                       Metric metric, Job& job) {
  const std::vector<double> nearest = nearest_distances(embeddings, indices, metric, job);
  return std::max(0.0, *std::ranges::max_element(nearest));
}

double sum_of_nearest_distances(const AnyMatrix& embeddings, std::span<const std::int64_t> indices,
                                Metric metric, Job& job) {
  const std::vector<double> nearest = nearest_distances(embeddings, indices, metric, job);
  BlockSum sum;
  for (std::size_t i = 0; i < nearest.size(); ++i) {
    sum.add(i, nearest[i]);
  }
  return sum.total();
}

}  // namespace thinset
