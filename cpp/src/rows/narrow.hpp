// From float64 back to the element type of a row.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "thinset/element.hpp"

namespace thinset {

// The element that widens to the value, if there is one; otherwise any.
template <class T>
T narrowed(double value) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    return {static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(narrowed<float>(value)) >> 16)};
  } else if constexpr (std::is_same_v<T, Float16>) {
    const auto sign = static_cast<std::uint16_t>(std::signbit(value) ? 0x8000U : 0U);
    const double magnitude = std::fabs(value);
    if (!(magnitude < 0x1p16)) {
      return {0x7c00U};
    }
    // Steps of the fraction: 2^-10 of the power of two below, or 2^-24 below 2^-14.
    const int exponent = magnitude < 0x1p-14 ? -14 : std::ilogb(magnitude);
    const auto steps = static_cast<std::uint32_t>(std::ldexp(magnitude, 10 - exponent));
    const std::uint32_t begin =
        magnitude < 0x1p-14 ? 0U : (static_cast<std::uint32_t>(exponent + 15) << 10) - 1024U;
    return {static_cast<std::uint16_t>(sign | (begin + steps))};
  } else {
    return static_cast<T>(std::fabs(value) <= std::numeric_limits<T>::max() ? value : 0.0);
  }
}

}  // namespace thinset
