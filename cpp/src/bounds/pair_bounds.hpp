// Bounds on sums over all pairs of rows, from one pass in float32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bounds/rough_rows.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// For every row p: at most the sum over rows i of d(i, p), and at least the sum of what d(i, p)
// leaves of reach[i], where it leaves anything.
struct PairSums {
  std::vector<double> distances;
  std::vector<double> gains;
};

// Of all rows; `reach` is in distances. Every pair is looked at once, a tile of rows at a time.
template <class T>
PairSums bound_all_pairs(const RoughRows<T>& rows, const std::vector<double>& reach, Job& job);

// The row whose summed distance seems the smallest among the `n` nearest to the centre.
template <class T>
std::size_t most_central_row(const RoughRows<T>& rows, std::size_t n, Job& job);

// How many bytes the tiles of one thread take.
std::uint64_t bytes_of_tiles(std::size_t n_columns);

}  // namespace thinset
