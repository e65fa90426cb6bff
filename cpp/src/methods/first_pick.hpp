// Where greedy dispersion starts.
#pragma once

#include <cstddef>
#include <vector>

#include "methods/terms.hpp"
#include "rows/distance.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// The open row furthest from the mean (ties: lower row), distances counting times weights: compared
// as squares for euclidean. The number of rows if none is open.
template <class T>
std::size_t first_pick(const DistanceMeter<T>& meter, const std::vector<double>& mean,
                       const Terms& terms, Job& job);

}  // namespace thinset
