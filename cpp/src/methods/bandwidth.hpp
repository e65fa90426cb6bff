// The bandwidth of a Gaussian kernel from the data.
#pragma once

#include <cstdint>

#include "rows/rows.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// The median Euclidean distance (for cosine: between directions) of the pairs of up to 256 rows
// spread evenly over the matrix, row floor(s * N / n) for s < n: the lower one of the two middle
// distances. Pairs of equal rows do not count; 1 if there are no others. Within the bandwidths that
// Loss takes.
template <class T>
double median_distance(const Rows<T>& rows, Metric metric, Job& job);

// An upper bound on its bytes.
inline constexpr std::uint64_t median_distance_memory = std::uint64_t{256} * 256 * sizeof(double);

}  // namespace thinset
