/// @file
/// Figures that measure the quality of a subset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "thinset/api.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"

namespace THINSET_API thinset {

/// Throws InvalidInput unless all indices are in [0, n_rows) and their number is in range.
void check_indices(const AnyMatrix& embeddings, std::span<const std::int64_t> indices,
                   std::size_t at_least,
                   std::size_t at_most = std::numeric_limits<std::size_t>::max());

/// All of them require indices inside [0, n_rows); the first two need at least two of them.

/// The sum over unordered pairs of the subset of their distance (Eq. 3).
double sum_of_pairwise_distances(const AnyMatrix& embeddings, std::span<const std::int64_t> indices,
                                 Metric metric, Job& job);

double smallest_pairwise_distance(const AnyMatrix& embeddings,
                                  std::span<const std::int64_t> indices, Metric metric, Job& job);

/// The largest distance of any row to its nearest row of the subset.
double covering_radius(const AnyMatrix& embeddings, std::span<const std::int64_t> indices,
                       Metric metric, Job& job);

/// The sum over all rows of their distance to the nearest row of the subset, in the order of
/// BlockSum: the sum that facility location minimises.
double sum_of_nearest_distances(const AnyMatrix& embeddings, std::span<const std::int64_t> indices,
                                Metric metric, Job& job);

}  // namespace THINSET_API thinset
