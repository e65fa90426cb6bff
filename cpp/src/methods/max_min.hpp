// Max-min dispersion: farthest-point selection.
#pragma once

#include <cstddef>
#include <span>

#include "methods/picks.hpp"
#include "methods/terms.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "rows/rows.hpp"
#include "rows/selection_size.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Max-min dispersion (farthest point, k-center greedy; Gonzalez 1985): each pick is the row
// furthest from its nearest chosen row. That distance is its gain (infinite for the first), and the
// covering radius of the picks before it. Starts at the row furthest from the mean, unless
// `initial` names the first picks; ties go to the lower row. `summary` is that of `rows`. Requires
// 1 <= k <= rows.size() and initial.size() <= k.
//
// A row's distance to its nearest pick only shrinks, so a stale one is an upper bound. Only rows
// whose stale distance could still be the largest are updated, with all the picks they missed at
// once; a Projection rules out most of those picks.
//
// On terms: rows compete by distance * weight, compared as squares for euclidean (rank * weight^2),
// and the gain is distance * factor. A row without a pick competes by its distance from the mean.
// Rounding keeps the order of ranks under multiplication by the same weight, so a stale rank times
// the weight is an upper bound as well. There may be fewer than k picks: rows that are closed, or
// no further than min_distance from a pick, are dropped, and neither can change back. k does not
// count the rows elsewhere.
template <class T>
Picks max_min(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Terms& terms, Job& job);

template <class T>
Picks max_min(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Job& job) {
  Terms plain;
  return max_min(rows, summary, k, metric, initial, plain, job);
}

MemoryNeed max_min_memory(const SelectionSize& size);

}  // namespace thinset
