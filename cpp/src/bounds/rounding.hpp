// What float64 arithmetic may have done to a distance, for bounds that must hold in spite of it.
#pragma once

#include <cmath>
#include <cstddef>

namespace thinset {

// At most this is the error of a sum of n terms in the canonical order: relative where none is
// negative, as in squared distances; for cosine, absolute, and that of a rank.
inline double rounding_error(std::size_t n) {
  return (static_cast<double>(n) / 8.0 + 64.0) * 0x1p-53;
}

// At most this is the error of a cosine rank of n columns, with enough to spare for the rounding of
// directions.
inline double error_of_cosine_rank(std::size_t n_columns) {
  return 1e-12 + rounding_error(n_columns);
}

// At most this is lost, or added, to a Euclidean distance where squares underflow.
inline double lost_to_underflow(std::size_t n_columns) {
  return std::sqrt(static_cast<double>(n_columns)) * 0x1p-536;
}

}  // namespace thinset
