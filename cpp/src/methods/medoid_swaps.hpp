// Improves the greedy choice of facility_location by exchanging medoids for other rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "methods/picks.hpp"
#include "rows/distance.hpp"
#include "rows/loss.hpp"
#include "rows/rows.hpp"
#include "rows/selection_size.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Lowers the cost of `picks`, the summed loss of every row by its best pick (its medoid), by at
// most max_swaps exchanges, and appends the decrease by each to picks.swaps. The first n_fixed
// picks stay; only open rows replace others. Gains are left as they are.
//
// These are the eager exchanges of FasterPAM (Schubert and Rousseeuw 2021, "Fast and Eager
// k-Medoids Clustering"). With near(i) and second(i) the two smallest losses of row i by a medoid,
// exchanging the medoid m for x lowers the cost by (G(x) + E(x, m)) - L(m):
//   G(x) sums near(i) - d(i, x) over all rows with d(i, x) < near(i),
//   E(x, m) sums second(i) - max(near(i), d(i, x)) over the rows of m with d(i, x) < second(i),
//   L(m) sums second(i) - near(i) over the rows of m.
// An exchange is worthwhile if that is more than 1e-12 (C + L(m)), which is above rounding errors.
// C is the cost (cosine: at least the number of rows; similarities: the coverage). Candidates x
// take turns in ascending order, cyclically; each makes at once the exchange that is worth most
// above that limit, if any (ties: the lower m). The search ends when no candidate has a worthwhile
// exchange, or after max_swaps. The new row takes the position of the old one. Sums are those of
// BlockSum.
//
// Only rows with d(i, x) < second(i) matter to a candidate: about 2 N / k of them. They are listed
// once, in float32 with lower bounds of their losses (reach_lists.hpp), a little further than
// needed. Sums of these bounds, in the same order, are not below those of the losses: candidates
// without a worthwhile exchange need no exact measurement. Rows whose second medoid moves further
// away than listed are measured by every candidate, until listing all again costs less.
template <class T>
void swap_medoids(const Rows<T>& rows, const Loss& loss, std::size_t n_fixed, std::size_t max_swaps,
                  const std::vector<bool>& is_open, Picks& picks, Job& job);

// An upper bound on its bytes.
std::uint64_t swap_medoids_memory(const SelectionSize& size);

}  // namespace thinset
