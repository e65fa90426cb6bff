// What a float32 value of a ScreenKernels search says about a distance.
#pragma once

#include <cmath>
#include <limits>
#include <optional>

#include "bounds/rounding.hpp"

namespace thinset {

// The distance is at least factor * sqrt(value + shift) - drop, as ScreenKernels::lower_bounds_to
// computes it.
struct RootBound {
  float shift, factor, drop;

  // The same of exact numbers; nothing if float32 cannot hold these.
  static std::optional<RootBound> of(double shift, double factor, double drop) {
    constexpr double most = std::numeric_limits<float>::max() / 2;
    constexpr double least = std::numeric_limits<float>::min();
    if (!(std::fabs(shift) < most && factor > least && factor < most && drop < most)) {
      return std::nullopt;
    }
    // The last factor covers the kernel's rounding.
    return RootBound{float_below(shift), static_cast<float>(factor * (1.0 - 0x1p-20)),
                     float_above(drop)};
  }
};

}  // namespace thinset
