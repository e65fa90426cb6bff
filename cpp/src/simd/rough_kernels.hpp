// Distances in float32, for bounds on those of row_kernels.hpp, one table of functions per element
// type and instruction set.
//
// Nothing here decides a result: rows that such distances cannot rule out are measured exactly. So
// these loops may fuse and reorder operations.
#pragma once

#include <cstddef>

#include "thinset/element.hpp"

namespace thinset {

// What a rough measurement gives: the squared distance, its root, or the dot product.
enum class RoughValue { square, root, dot };
inline constexpr std::size_t n_rough_values = 3;
// As many points as are measured together.
inline constexpr std::size_t points_together = 4;

template <class T>
struct RoughKernels {
  // By RoughValue: out[i] = that of rows[i] and y. No term goes through more than max(n / 32 + 10,
  // n < 16 ? n + 3 : 0) roundings, the root through one more. For float64 rows, which float32
  // cannot hold, always infinity.
  void (*measure[n_rough_values])(const T* const* rows, std::size_t n_rows, const float* y,
                                  std::size_t n, float* out);
  // The same for four points, and rows of at least 16 columns: outs[p][i] = that of rows[i] and
  // ys[p]. A term goes through at most n / 16 + 10 roundings.
  void (*measure_together[n_rough_values])(const T* const* rows, std::size_t n_rows,
                                           const float* const* ys, std::size_t n,
                                           float* const* outs);
  // As `measure` for the rows of blocks as in screen_kernels.hpp, out[i] for 16 * n_blocks rows. A
  // term goes through at most n + 3 roundings.
  void (*measure_blocks[n_rough_values])(const float* blocks, std::size_t n_blocks, const float* y,
                                         std::size_t n, float* out);
  // sums[i] += values[i] * factor + offset. Returns the largest sum, or NaN, with all sums as they
  // were, if a value is not finite.
  double (*add_scaled)(const float* values, std::size_t n, double factor, double offset,
                       double* sums);
  // The same with max(1 - dots[i] / m, 0) + error + lost / m, where m = norms[i] * norm.
  double (*add_cosine_distances)(const float* dots, const double* norms, std::size_t n, double norm,
                                 double error, double lost, double* sums);
};

// The table for current_instruction_set().
template <class T>
const RoughKernels<T>& rough_kernels();

template <>
const RoughKernels<float>& rough_kernels<float>();
template <>
const RoughKernels<double>& rough_kernels<double>();
template <>
const RoughKernels<Float16>& rough_kernels<Float16>();
template <>
const RoughKernels<BFloat16>& rough_kernels<BFloat16>();

}  // namespace thinset
