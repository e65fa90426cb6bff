// Rounding errors of float64 distances, for bounds that must hold despite them.
#pragma once

#include <cmath>
#include <cstddef>

namespace thinset {

// The largest error of a sum of n terms in the canonical order: relative if no term is negative, as
// in squared distances; for cosine, the absolute error of a rank.
inline double rounding_error(std::size_t n) {
  return (static_cast<double>(n) / 8.0 + 64.0) * 0x1p-53;
}

// The largest error of a cosine rank of n columns, with a margin for the rounding of directions.
inline double error_of_cosine_rank(std::size_t n_columns) {
  return 1e-12 + rounding_error(n_columns);
}

// The largest error of a Euclidean distance if squares underflow.
inline double lost_to_underflow(std::size_t n_columns) {
  return std::sqrt(static_cast<double>(n_columns)) * 0x1p-536;
}

// A float32 number above, or below, a value that float32 can hold, by little more than its
// rounding.
inline float float_above(double value) {
  return static_cast<float>(value + (std::fabs(value) * 0x1p-23 + 0x1p-148));
}
inline float float_below(double value) {
  return static_cast<float>(value - (std::fabs(value) * 0x1p-23 + 0x1p-148));
}

}  // namespace thinset
