/// @file
/// Exact nearest neighbours between two matrices, and counts of points in balls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "thinset/api.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/parallel_for.hpp"

namespace THINSET_API thinset {

/// For each query, k rows of the reference in ascending Euclidean distance; equal distances by
/// ascending row. Entry i * k + j is neighbour j of query i.
struct NearestRows {
  std::vector<std::int64_t> indices;
  std::vector<double> distances;
};

/// `skipped`, if it is not empty, holds one row of the reference per query that is not a neighbour
/// of it, or -1: the query itself where both matrices are the same. Needs O(n_queries * k) memory
/// and some 20 MB, or that of 64 rows if it is more.
///
/// Throws InvalidInput for empty matrices, for matrices of different width or element type, for
/// values that are not finite or beyond +-1e120, and for a k that the reference cannot serve.
NearestRows nearest_rows(const AnyMatrix& queries, const AnyMatrix& reference, std::size_t k,
                         std::span<const std::int64_t> skipped, Job& job);

struct BallCounts {
  std::vector<std::int64_t> of_balls;   ///< the points in each ball
  std::vector<std::int64_t> of_points;  ///< the balls around each point
};

/// A point is in the ball around a centre if its Euclidean distance is at most the ball's radius; a
/// ball of negative radius is empty. Memory and errors as above, with O(n_centres + n_points).
BallCounts count_in_balls(const AnyMatrix& centres, std::span<const double> radii,
                          const AnyMatrix& points, Job& job);

}  // namespace THINSET_API thinset
