// Bounds on sums over all pairs of rows, from one pass in float32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bounds/rough_rows.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// For every row p: a lower bound of the sum over rows i of the loss of i by p, and an upper bound
// of the sum of reach[i] minus that loss where it is positive.
struct PairSums {
  std::vector<double> losses;
  std::vector<double> gains;
};

// Of all rows; `reach` holds losses. Every pair is processed once, a tile of rows at a time.
template <class T>
PairSums bound_all_pairs(const RoughRows<T>& rows, const std::vector<double>& reach, Job& job);

// Of some rows, which are not empty, the one with the smallest approximate summed loss among the
// `n` nearest to the centre.
template <class T>
std::size_t most_central_row(const RoughRows<T>& rows, std::vector<std::uint32_t> among,
                             std::size_t n, Job& job);

// For every row, the approximate mean of its losses by n rows spread evenly over the matrix. Zeros
// if the rows are not usable.
template <class T>
std::vector<double> approximate_mean_losses(const RoughRows<T>& rows, std::size_t n, Job& job);

// The bytes of the tiles of one thread.
std::uint64_t bytes_of_tiles(std::size_t n_columns);

}  // namespace thinset
