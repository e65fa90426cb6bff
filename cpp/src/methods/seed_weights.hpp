// The integers that k-means++ draws by.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace thinset {

// A squared distance times a scale, a power of two, rounded down. Integers add up to the same total
// in every order, and no target is lost to rounding. Totals over n_rows rows are below 2^63.
inline std::int64_t seed_weight(double squared_distance, double scale) {
  return static_cast<std::int64_t>(squared_distance * scale);
}

// The scale for the largest squared distance. It stays until the largest has fallen to less than a
// sixteenth, so that few rounds need a second pass; the largest weight keeps all but five of the
// bits that there is room for.
class SeedScale {
 public:
  explicit SeedScale(std::size_t n_rows)
      : n_bits_(63 - static_cast<int>(std::bit_width(n_rows - 1))) {}

  // 0 at first: all weights are 0.
  [[nodiscard]] double scale() const { return scale_; }
  // Returns whether the scale has changed.
  bool follow(double largest) {
    if (!(largest > 0.0)) {
      return false;
    }
    // A distance below 2^(n_bits - 1000) has no weight, because float64 cannot hold its scale.
    const int exponent = std::min(n_bits_ - 1 - std::ilogb(largest), 1000);
    if (scale_ > 0.0 && exponent <= exponent_ + 4) {
      return false;
    }
    const bool has_changed = scale_ == 0.0 || exponent != exponent_;
    exponent_ = exponent;
    scale_ = std::ldexp(1.0, exponent);
    return has_changed;
  }

 private:
  int n_bits_;
  int exponent_ = 0;
  double scale_ = 0.0;
};

}  // namespace thinset
