#pragma once

#include <type_traits>

#include "simd/row_kernels.hpp"

namespace thinset {

// One value in float64.
template <class T>
double widened(const T* value) {
  if constexpr (std::is_floating_point_v<T>) {
    return *value;
  }
  double wide = 0.0;
  row_kernels<T>().widen(value, &wide, 1);
  return wide;
}

}  // namespace thinset
