// Max-min dispersion: farthest-point selection.
#pragma once

#include <cstddef>
#include <span>

#include "methods/picks.hpp"
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
template <class T>
Picks max_min(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Job& job);

MemoryNeed max_min_memory(const SelectionSize& size);

}  // namespace thinset
