// Greedy dispersion: rows far from each other.
#pragma once

#include <cstddef>
#include <span>

#include "thinset/column_summary.hpp"
#include "thinset/distance.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/parallel_for.hpp"
#include "thinset/picks.hpp"

namespace thinset {

// Both start at the row furthest from the mean (unless `initial` names the first picks) and break
// ties towards the lower row. `summary` is that of `rows`. Require 1 <= k <= rows.size() and
// initial.size() <= k.

// Max-sum dispersion, Eq. 3 of "Faster Training by Selecting Samples Using Embeddings": each pick
// is the row with the largest summed distance to those chosen, which is also its gain (0 for the
// first).
template <class T>
Picks max_sum(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Job& job);

// Max-min dispersion (farthest point, k-center greedy; Gonzalez 1985): each pick is the row
// furthest from its nearest chosen row. That distance is its gain (infinite for the first), and the
// covering radius of the picks before it.
template <class T>
Picks max_min(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Job& job);

}  // namespace thinset
