// exp(-x) by one fixed sequence of operations.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace thinset {

// exp(-x) for x >= 0, within 4 * 2^-53 of it relatively; 0 for x above 708, whose exp(-x) float64
// holds with fewer digits. The C library's exp() depends on its version and on the processor, so
// that selections would too.
inline double exp_of_minus(double x) {
  if (!(x <= 708.0)) {
    return 0.0;
  }
  constexpr double log2_of_e = 0x1.71547652b82fep+0;
  // log(2) in two parts; the first has 32 bits, so that its products with n are exact.
  constexpr double log_2_high = 0x1.62e42feep-1;
  constexpr double log_2_low = 0x1.a39ef35793c76p-33;
  const double n = std::floor(x * log2_of_e + 0.5);
  const double t = n * log_2_low - (x - n * log_2_high);  // within +-0.347
  // The series of exp(t): its first missing term is below 2^-56.
  constexpr std::array<double, 13> inverse_factorials = {1.0 / 6227020800.0,
                                                         1.0 / 479001600.0,
                                                         1.0 / 39916800.0,
                                                         1.0 / 3628800.0,
                                                         1.0 / 362880.0,
                                                         1.0 / 40320.0,
                                                         1.0 / 5040.0,
                                                         1.0 / 720.0,
                                                         1.0 / 120.0,
                                                         1.0 / 24.0,
                                                         1.0 / 6.0,
                                                         0.5,
                                                         1.0};
  double sum = inverse_factorials[0];
  for (std::size_t i = 1; i < inverse_factorials.size(); ++i) {
    sum = sum * t + inverse_factorials[i];
  }
  sum = sum * t + 1.0;
  const auto exponent = static_cast<std::uint64_t>(1023 - static_cast<std::int64_t>(n));
  return sum * std::bit_cast<double>(exponent << 52U);
}

}  // namespace thinset
