#include "rows/exact_sum.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace thinset {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t digit_mask = 0xffffffffU;
// A term adds less than 2^33 to a digit, which holds less than 2^63.
constexpr std::uint32_t most_without_carry = 1U << 29;
constexpr int least_exponent = -1074;  // of float64

// Divides a number, digits of 32 bits with the lowest first, by n; returns the remainder.
std::uint64_t divide(std::span<std::uint32_t> digits, std::uint64_t n) {
  Wide rest = 0;
  for (std::size_t d = digits.size(); d-- > 0;) {
    rest = rest << 32 | digits[d];
    digits[d] = static_cast<std::uint32_t>(rest / n);
    rest %= n;
  }
  return static_cast<std::uint64_t>(rest);
}

// digits * 2^lowest_exponent, plus something below the last bit if there is a rest.
double round_to_even(std::span<const std::uint32_t> digits, bool has_rest) {
  std::size_t n = digits.size();
  while (n > 0 && digits[n - 1] == 0) {
    --n;
  }
  if (n == 0) {
    return 0.0;
  }
  const int top = static_cast<int>(n) * 32 - std::countl_zero(digits[n - 1]);  // number of bits
  // The lowest bit that float64 keeps.
  const int last = std::max(top - 53, least_exponent - ExactSum::lowest_exponent);
  const auto bit = [&](int b) { return digits[static_cast<std::size_t>(b / 32)] >> (b % 32) & 1U; };
  std::uint64_t kept = 0;
  for (int b = top - 1; b >= last; --b) {
    kept = kept << 1 | bit(b);
  }
  bool is_above_half = has_rest;
  for (int b = 0; b < std::min(last - 1, top) && !is_above_half; ++b) {
    is_above_half = bit(b) != 0;
  }
  if (last >= 1 && last <= top && bit(last - 1) != 0 && (is_above_half || (kept & 1U) != 0)) {
    ++kept;
  }
  return std::ldexp(static_cast<double>(kept), last + ExactSum::lowest_exponent);
}

}  // namespace

ExactSum::ExactSum(std::span<const std::int64_t, n_digits> digits) {
  std::ranges::copy(digits, digits_.begin());
  carry();
}

void ExactSum::add(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const int exponent = static_cast<int>(bits >> 52 & 0x7ffU);
  const std::uint64_t fraction = bits & 0xfffffffffffffU;
  const std::uint64_t integer = exponent == 0 ? fraction : fraction | 0x10000000000000U;
  add_at(bits >> 63 != 0, integer, std::max(exponent, 1) - 1075);
}

void ExactSum::add(double integer, int exponent) {
  add_at(integer < 0.0, static_cast<std::uint64_t>(std::fabs(integer)), exponent);
}

void ExactSum::add_at(bool is_negative, std::uint64_t integer, int exponent) {
  if (++n_since_carry_ == most_without_carry) {
    carry();
  }
  const auto place = static_cast<unsigned>(exponent - lowest_exponent);
  const unsigned shift = place % 32;
  const std::uint64_t low = (integer & digit_mask) << shift;
  const std::uint64_t high = (integer >> 32) << shift;
  const std::array<std::uint64_t, 3> parts{low & digit_mask, (low >> 32) + (high & digit_mask),
                                           high >> 32};
  std::int64_t* digit = digits_.data() + place / 32;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto part = static_cast<std::int64_t>(parts[p]);
    digit[p] += is_negative ? -part : part;
  }
}

void ExactSum::add(const ExactSum& other) {
  ExactSum carried = other;
  carried.carry();
  carry();
  for (std::size_t d = 0; d < n_digits; ++d) {
    digits_[d] += carried.digits_[d];
  }
  n_since_carry_ = 1;
}

void ExactSum::carry() {
  std::int64_t carried = 0;
  for (std::size_t d = 0; d + 1 < n_digits; ++d) {
    const std::int64_t digit = digits_[d] + carried;
    carried = digit >> 32;
    digits_[d] = digit & static_cast<std::int64_t>(digit_mask);
  }
  digits_[n_digits - 1] += carried;
  n_since_carry_ = 0;
}

const std::array<std::int64_t, ExactSum::n_digits>& ExactSum::digits() {
  carry();
  return digits_;
}

double ExactSum::rounded_quotient(std::uint64_t n) const {
  ExactSum magnitude = *this;
  magnitude.carry();
  const bool is_negative = magnitude.digits_[n_digits - 1] < 0;
  if (is_negative) {
    for (std::int64_t& digit : magnitude.digits_) {
      digit = -digit;
    }
    magnitude.carry();
  }
  // The last digit may be wider than 32 bits.
  std::array<std::uint32_t, n_digits + 1> digits{};
  for (std::size_t d = 0; d < n_digits; ++d) {
    digits[d] = static_cast<std::uint32_t>(magnitude.digits_[d]);
  }
  digits[n_digits] = static_cast<std::uint32_t>(magnitude.digits_[n_digits - 1] >> 32);
  const std::uint64_t rest = divide(digits, n);
  const double rounded = round_to_even(digits, rest != 0);
  return is_negative ? -rounded : rounded;
}

SumSplit SumSplit::of(double largest, std::uint64_t n) {
  // largest < 2^e and n <= 2^b: n high parts add up to at most 2^(e + b), 2^52 times their unit.
  // A low part is at most half of that unit.
  const int e = largest > 0.0 ? std::ilogb(largest) + 1 : -1073;
  const int b = std::max(1, static_cast<int>(std::bit_width(n - 1)));
  const int high = std::max(e + b - 52, least_exponent);
  const int low = std::max(high - 1 + b - 52, least_exponent);
  return {std::ldexp(1.5, high + 52), std::ldexp(1.5, low + 52), std::ldexp(1.0, low)};
}

}  // namespace thinset
