/// @file
/// How far a subset may be from the best possible: bounds that hold for any k rows.
///
/// Each bound holds for distances as real numbers: rounding errors are added on the safe side.
/// Values whose squares leave float64's range get a trivial bound (infinity or 0) or a loose one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "thinset/api.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"

namespace THINSET_API thinset {

/// No k = indices.size() rows have a larger sum of pairwise distances. Requires two or more indices
/// inside [0, n_rows) and no more of them than rows.
///
/// All three metrics are of negative type (Schoenberg 1938): they are squared distances between
/// points of a Hilbert space, |p(x) - p(y)|^2. For k rows S and k anchors Z with sums f(S) and f(Z)
/// over their pairs, k^2 times the squared distance between the means of p(S) and p(Z) is
///   sum over x in S, z in Z of d(x, z) - f(S) - f(Z) >= 0,
/// so that f(S) is at most the sum of the k largest s(x) = sum over z of d(x, z), less f(Z). With
/// S = Z the two sides are equal, and a Z that no single exchange improves leaves a gap of about
/// 2/k of f(Z) at most (see Cevallos, Eisenbrand and Zenklusen 2017, "Local search for max-sum
/// diversification"). The anchors are the subset itself and, if that leaves more than 0.1 %, also
/// greedy picks (max_sum.hpp). For squared distances s(x) follows from the anchors' mean alone; for
/// euclidean, rows whose s(x) cannot be among the k largest by Cauchy and Schwarz are not measured.
/// With few rows the mean of all rows proves more: the squares between k rows add up to at most k
/// times those of the k furthest from it, and k (k - 1) / 2 distances to at most the root of their
/// number times the sum of their squares.
double upper_bound_of_sum_of_pairwise_distances(const AnyMatrix& embeddings,
                                                std::span<const std::int64_t> indices,
                                                Metric metric, Job& job);

/// No k = indices.size() rows have a larger smallest pairwise distance; the indices themselves do
/// not matter. Requirements as above.
///
/// If all rows are partitioned into k - 1 sets, two of any k rows are in the same one, so that they
/// are no further apart than the largest diameter. The sets are cliques of the graph of pairs
/// within a limit, found greedily from the outermost rows inwards; the smallest limit for which k -
/// 1 of them are enough is searched by bisection (see Erkut 1990, "The discrete p-dispersion
/// problem", for the graph). Where that proves less, or takes more than 16 N k + 2^25 distances,
/// the bound is that of balls: points that are pairwise d or more apart and of which m + 1 lie in a
/// ball of radius r have d <= r sqrt(2 (m + 1) / m) (Jung 1901, who has the simplex as the worst
/// case), or with the mean square of m + 1 radii from any point in place of r^2. By the pigeonhole
/// principle k points put m + 1 into one of
///   - j = (k - 1) / m balls around the first j farthest-point picks, which cover all rows with a
///     radius that is the gain of pick j (m = 1 is the factor of 2 of Gonzalez 1985), and
///   - the ball around the mean that leaves out the k - m - 1 furthest rows.
/// The bound is the smallest over all m. If fewer than k rows are different, it is 0.
double upper_bound_of_smallest_pairwise_distance(const AnyMatrix& embeddings,
                                                 std::span<const std::int64_t> indices,
                                                 Metric metric, Job& job);

/// No k = indices.size() rows cover all with a smaller radius; the indices themselves do not
/// matter. It holds for centres among the rows. Centres anywhere may halve the radius, not more:
/// each can be replaced by a row inside its ball. Requires indices inside [0, n_rows), no more than
/// rows.
///
/// Give points weights such that no ball of radius R around a row holds a weight above 1. Then k
/// such balls cover a weight of at most k; if all weights add up to more, R is too small. This is
/// the dual of the linear relaxation of covering; k + 1 points pairwise more than 2R apart, all of
/// weight 1, are the classical case (Hochbaum and Shmoys 1985). The points are the first 3k/2
/// farthest-point picks; all weights start at 1 and are repeatedly divided by the weight of the
/// heaviest ball that contains the point. The first division makes them admissible; later ones only
/// raise them. The largest R is searched between 1/2 and 0.95 of the distance of pick k to those
/// before it.
double lower_bound_of_covering_radius(const AnyMatrix& embeddings,
                                      std::span<const std::int64_t> indices, Metric metric,
                                      Job& job);

/// No k = indices.size() rows have a smaller sum of the distances of all rows to the nearest of
/// them (k-medoids, p-median). Requires indices inside [0, n_rows), no more than rows.
///
/// For any numbers v(i) >= 0, one per row, and r(x) = sum over i of max(0, v(i) - d(i, x)), k rows
/// S cost at least the sum of all v(i) less the k largest r(x): row i with the nearest row s of S
/// costs d(i, s) >= v(i) - max(0, v(i) - d(i, s)), and the last terms add up to at most the sum of
/// r over S. This is the Lagrangian relaxation of the p-median problem (Cornuejols, Fisher and
/// Nemhauser 1977, "Location of bank accounts to optimize float"). The best v is approached by
/// subgradient steps (Polyak 1969) from between the distances to the nearest two of the given rows,
/// so that the bound is tighter if these are good. v(i) stays below the distance to the fourth or
/// the second nearest: only rows within it matter, which are listed once. If there are more than
/// memory is meant for (256 per row), there are no steps: the best of five v is taken, which is a
/// looser bound.
double lower_bound_of_sum_of_nearest_distances(const AnyMatrix& embeddings,
                                               std::span<const std::int64_t> indices, Metric metric,
                                               Job& job);

}  // namespace THINSET_API thinset
