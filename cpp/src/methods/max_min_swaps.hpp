// Improves a max-min choice by exchanging chosen rows for other rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "methods/picks.hpp"
#include "rows/distance.hpp"
#include "rows/rows.hpp"
#include "rows/selection_size.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Raises the smallest distance between `picks` by at most max_swaps exchanges, and appends the
// increase by each to picks.swaps. The first n_fixed picks stay; only open rows replace others.
// Gains are left as they are.
//
// Let m be the smallest distance. An exchange takes one row of a closest pair out, and puts in a
// row that is further than m from all other picks: the smallest distance rises, or fewer pairs have
// it (0 is appended). Of these exchanges, the one that leaves the fewest pairs at m is made; then
// the one whose new row is the furthest from the other picks; ties go to the lower new row, then to
// the lower old one. The new row takes the position of the old one. The search ends when there is
// no such exchange. Then no exchange of a single row raises the smallest distance: it would have to
// take out a row of every closest pair. This is the improvement method of Resende, Marti, Gallego
// and Duarte 2010, "GRASP and path relinking for the max-min diversity problem". Distances are
// compared as ranks, exactly.
//
// Every row knows its nearest picks (nearest_medoids.hpp). Without the pick at place p, a row is as
// far from the others as from its nearest pick or, if that is p, from its second nearest: one pass
// over the rows finds the best exchange, and one distance per row updates them.
template <class T>
void swap_for_smallest(const Rows<T>& rows, Metric metric, std::size_t n_fixed,
                       std::size_t max_swaps, const std::vector<bool>& is_open, Picks& picks,
                       Job& job);

// An upper bound on its bytes.
std::uint64_t swap_for_smallest_memory(const SelectionSize& size);

}  // namespace thinset
