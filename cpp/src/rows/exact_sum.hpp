// Sums of float64 numbers that depend neither on the order of the terms nor on who adds which.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace thinset {

// A sum without any rounding: digits of 32 bits wide enough for every finite float64 number
// (Kulisch 2013, "Computer Arithmetic and Validity", chapter 8). Digits are added without carries,
// so adding takes a few nanoseconds. Sums of one or two terms need no digits.
class ExactSum {
 public:
  // Digit d counts 2^(32 d - 1088). There is room for 2^40 terms of any size.
  static constexpr std::size_t n_digits = 68;
  static constexpr int lowest_exponent = -1088;

  ExactSum() = default;
  ExactSum(const ExactSum& other);
  ExactSum(ExactSum&&) noexcept = default;
  ExactSum& operator=(const ExactSum& other) { return *this = ExactSum(other); }
  ExactSum& operator=(ExactSum&&) noexcept = default;
  ~ExactSum() = default;
  // The sum that digits() returned, or several of these added digit by digit: fewer than 2^30.
  explicit ExactSum(std::span<const std::int64_t, n_digits> digits);

  // Requires a finite value.
  void add(double value);
  void add(const ExactSum& other);

  // The most bytes of one, with what the allocator adds.
  static constexpr std::uint64_t bytes() { return sizeof(ExactSum) + sizeof(Digits) + 16; }

  // The same for every way of adding the same terms: all but the last are in [0, 2^32).
  [[nodiscard]] const std::array<std::int64_t, n_digits>& digits();

  // Digits of 32 bits of the magnitude; returns whether the sum is below 0.
  bool magnitude(std::span<std::uint32_t, n_digits + 1> to) const;

  // The float64 number nearest to the sum, or to the sum divided by n > 0; ties to even.
  [[nodiscard]] double rounded() const { return rounded_quotient(1); }
  [[nodiscard]] double rounded_quotient(std::uint64_t n) const;

 private:
  using Digits = std::array<std::int64_t, n_digits>;

  void use_digits();
  void add_to_digits(double value);
  void carry();

  // Terms that are not in the digits; none if there are digits.
  std::array<double, 2> terms_{};
  std::uint32_t n_terms_ = 0;
  std::uint32_t n_since_carry_ = 0;
  std::unique_ptr<Digits> digits_;
};

// Splits values into a high and a low part such that float64 adds n high parts, or n low parts,
// without rounding (Demmel and Nguyen 2015, "Parallel Reproducible Summation"): with C a power of
// two times 1.5, fl(fl(x + C) - C) is x rounded to a multiple of the unit in the last place of C.
// The sum of the two sums is the sum of the values, each rounded to a multiple of `least`, a power
// of two: at most largest * n^2 * 2^-104, and often 0 because no value has such small digits.
struct SumSplit {
  double high;   // C for the high parts
  double low;    // C for the low parts
  double least;  // the unit of the low parts

  // For up to n terms of magnitude up to `largest`. Requires largest <= 2^900 and 1 <= n <= 2^40.
  static SumSplit of(double largest, std::uint64_t n);
};

}  // namespace thinset
