// Where greedy dispersion starts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "methods/terms.hpp"
#include "rows/distance.hpp"
#include "rows/exact_sum.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// The mean of n rows, by the exact sums of their columns and in float64.
struct ExactMean {
  std::span<const ExactSum> sums;
  std::uint64_t n;
  std::span<const double> rounded;
};

// The open row furthest from the mean; distances count times weights, and are compared as squares
// for euclidean. The number of rows if none is open.
//
// The comparison is exact: rows count as equally far only if they are, as real numbers, and then
// the lower one is taken. Weights count as the products of float64 that the method compares by. For
// cosine, the direction of the mean counts; no row is far from a mean of 0, so that the first open
// row is taken.
template <class T>
std::size_t first_pick(const DistanceMeter<T>& meter, const ExactMean& mean, const Terms& terms,
                       Job& job);

}  // namespace thinset
