// Max-sum dispersion: rows with large distances to all other chosen rows.
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

// Max-sum dispersion, Eq. 3 of "Faster Training by Selecting Samples Using Embeddings": each pick
// is the row with the largest summed distance to those chosen, which is also its gain (0 for the
// first). Starts at the row furthest from the mean, unless `initial` names the first picks; ties go
// to the lower row. `summary` is that of `rows`. Requires 1 <= k <= rows.size() and
// initial.size() <= k.
//
// Sums grow with every pick, so a stale sum is not a bound. Instead: with t picks y, their centred
// sum S and their sum of squared radii Q, the squared distances of x to all of them add up to
// t|x|^2 - 2 x.S + Q. By Cauchy and Schwarz the distances add up to at most the root of t times
// that. One product x.S is useful while S keeps its direction; only rows that pass are measured.
//
// On terms: rows compete by sum * weight, and the gain is sum * factor. The first pick is as that
// of max_min. There may be fewer than k picks, because rows may be closed. k does not count the
// rows elsewhere, which come first in every sum.
template <class T>
Picks max_sum(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Terms& terms, Job& job);

template <class T>
Picks max_sum(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Job& job) {
  Terms plain;
  return max_sum(rows, summary, k, metric, initial, plain, job);
}

MemoryNeed max_sum_memory(const SelectionSize& size);

}  // namespace thinset
