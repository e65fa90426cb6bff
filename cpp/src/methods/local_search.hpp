// Improves a greedy choice by exchanging chosen rows for other rows.
#pragma once

#include <cstddef>

#include "methods/picks.hpp"
#include "rows/distance.hpp"
#include "rows/rows.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Raises the sum of pairwise distances of `picks` by at most max_swaps exchanges, and appends the
// increase of each to picks.swaps. The first n_fixed picks stay. With s(x) the summed distance of x
// to all picks, exchanging a for b adds s(b) - s(a) - d(a, b). Each exchange is the best possible
// (ties: lower b, then lower a) and must add more than 1e-12 of the sum (for cosine, of k^2), which
// is more than rounding errors. The new row takes the position of the old one. After any exchange,
// gains are the summed distances to the rows before.
//
// With max_swaps large enough, no single exchange improves the result, which is then at least 1 -
// O(1/k) of the best possible: the distances are of negative type (Cevallos, Eisenbrand and
// Zenklusen 2017, "Local search for max-sum diversification").
//
// s is kept for every row: picks.rows.size() distances per row at first and two per exchange. Pairs
// are tried by ascending s(a) and descending s(b) while s(b) - s(a) can still win.
template <class T>
void swap_for_sum(const Rows<T>& rows, Metric metric, std::size_t n_fixed, std::size_t max_swaps,
                  Picks& picks, Job& job);

}  // namespace thinset
