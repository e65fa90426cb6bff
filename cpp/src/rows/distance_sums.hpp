// Summed distances of many rows to the same set.
#pragma once

#include <cstddef>
#include <span>

#include "rows/distance.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// sums[i] = the distances of rows[i] to all of `set`, added in the set's order.
template <class T>
void sum_distances(const DistanceMeter<T>& meter, const PickedRows<T>& set,
                   std::span<const std::size_t> rows, std::span<double> sums, Job& job);

}  // namespace thinset
