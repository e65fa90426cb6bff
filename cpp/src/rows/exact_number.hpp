// Arithmetic without rounding, for the few comparisons that must not depend on it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "rows/exact_sum.hpp"

namespace thinset {

// An integer of any size times a power of 2^32.
class ExactNumber {
 public:
  ExactNumber() = default;
  // Requires a finite value.
  explicit ExactNumber(double value);
  explicit ExactNumber(std::uint64_t value);
  explicit ExactNumber(const ExactSum& sum);

  // -1, 0 or 1.
  [[nodiscard]] int sign() const { return digits_.empty() ? 0 : (is_negative_ ? -1 : 1); }

  ExactNumber operator-() const;
  friend ExactNumber operator+(const ExactNumber& a, const ExactNumber& b);
  friend ExactNumber operator-(const ExactNumber& a, const ExactNumber& b) { return a + -b; }
  friend ExactNumber operator*(const ExactNumber& a, const ExactNumber& b);

 private:
  ExactNumber(bool is_negative, int exponent, std::vector<std::uint32_t> digits);
  [[nodiscard]] std::uint32_t digit_at(int place) const {
    const int d = place - exponent_;
    return d < 0 || d >= end() - exponent_ ? 0 : digits_[static_cast<std::size_t>(d)];
  }
  [[nodiscard]] int end() const { return exponent_ + static_cast<int>(digits_.size()); }

  bool is_negative_ = false;
  int exponent_ = 0;                   // digit d counts 2^(32 (exponent + d))
  std::vector<std::uint32_t> digits_;  // of the magnitude; neither the first nor the last is 0
};

// The sign of a + b * root(c), c >= 0.
int sign_with_root(const ExactNumber& a, const ExactNumber& b, const ExactNumber& c);

}  // namespace thinset
