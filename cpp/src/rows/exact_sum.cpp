#include "rows/exact_sum.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

namespace thinset {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t digit_mask = 0xffffffffU;
// A term adds less than 2^33 to a digit, which holds less than 2^63.
constexpr std::uint32_t most_without_carry = 1U << 29;
constexpr int least_exponent = -1074;                            // of float64
constexpr std::uint64_t largest_exact = std::uint64_t{1} << 53;  // that float64 counts to

// Bits from `top` down to `last`, both included; at most 64 of them.
std::uint64_t bits_of(std::span<const std::uint32_t> digits, int top, int last) {
  const auto first = static_cast<std::size_t>(last / 32);
  Wide bits = 0;
  for (std::size_t d = std::min(first + 3, digits.size()); d-- > first;) {
    bits = bits << 32 | digits[d];
  }
  const auto shifted = static_cast<std::uint64_t>(bits >> (last % 32));
  const int n = top - last + 1;
  return n >= 64 ? shifted : shifted & ((std::uint64_t{1} << n) - 1);
}

// The float64 number nearest to digits * 2^lowest_exponent / n, digits of 32 bits with the lowest
// first; ties to even.
double divided(std::span<std::uint32_t> digits, std::uint64_t n) {
  std::size_t d = digits.size();
  while (d > 0 && digits[d - 1] == 0) {
    --d;
  }
  if (d == 0) {
    return 0.0;
  }
  // Three digits from the first that is not 0 have more bits than float64; the others only decide
  // whether there is a rest.
  Wide rest = 0;
  int top = -1;  // the highest bit of the quotient
  while (d > 0 && (top < 0 || static_cast<int>(d) * 32 + 64 > top - top % 32)) {
    --d;
    rest = rest << 32 | digits[d];
    if (n <= digit_mask) {
      const auto narrow = static_cast<std::uint64_t>(rest);
      digits[d] = static_cast<std::uint32_t>(narrow / n);
      rest = narrow % n;
    } else {
      digits[d] = static_cast<std::uint32_t>(rest / n);
      rest %= n;
    }
    if (top < 0 && digits[d] != 0) {
      top = static_cast<int>(d) * 32 + 31 - std::countl_zero(digits[d]);
    }
  }
  bool has_rest = rest != 0;
  for (; d > 0; --d) {
    has_rest = has_rest || digits[d - 1] != 0;
    digits[d - 1] = 0;
  }
  // The lowest bit that float64 keeps. Subnormal numbers have fewer bits.
  const int last = std::max(top - 52, least_exponent - ExactSum::lowest_exponent);
  if (top < last - 1) {
    return 0.0;
  }
  std::uint64_t kept = top < last ? 0 : bits_of(digits, top, last);
  const bool has_half = bits_of(digits, last - 1, last - 1) != 0;
  for (int below = last - 2; below >= 0 && !has_rest; below = below / 32 * 32 - 1) {
    has_rest = bits_of(digits, below, below / 32 * 32) != 0;
  }
  if (has_half && (has_rest || (kept & 1U) != 0)) {
    ++kept;
  }
  return std::ldexp(static_cast<double>(kept), last + ExactSum::lowest_exponent);
}

// The float64 number nearest to (a + b) / n, if that is easily found.
std::optional<double> quotient_of_terms(double a, double b, std::uint64_t n) {
  const double sum = a + b;
  if (sum == 0.0) {
    return 0.0;
  }
  if (!(std::fabs(sum) >= 0x1p-800 && std::fabs(sum) <= 0x1p900) || n > largest_exact) {
    return std::nullopt;
  }
  // What the sum lacks (Knuth's TwoSum), and then the quotient times n: both are exact.
  const double of_b = sum - a;
  const double lost = (a - (sum - of_b)) + (b - of_b);
  const auto divisor = static_cast<double>(n);
  const double quotient = sum / divisor;
  const double rest = std::fma(-quotient, divisor, sum);
  const double correction = (rest + lost) / divisor;
  // The correction has two roundings. Where they matter, it is close to half of a unit.
  const double low = quotient + correction * (1.0 - 0x1p-50);
  const double high = quotient + correction * (1.0 + 0x1p-50);
  return low == high ? std::optional(low) : std::nullopt;
}

}  // namespace

ExactSum::ExactSum(std::span<const std::int64_t, n_digits> digits)
    : digits_(std::make_unique<Digits>()) {
  std::ranges::copy(digits, digits_->begin());
  carry();
}

ExactSum::ExactSum(const ExactSum& other)
    : terms_(other.terms_),
      n_terms_(other.n_terms_),
      n_since_carry_(other.n_since_carry_),
      digits_(other.digits_ ? std::make_unique<Digits>(*other.digits_) : nullptr) {}

void ExactSum::use_digits() {
  if (!digits_) {
    digits_ = std::make_unique<Digits>();
    for (std::size_t t = 0; t < n_terms_; ++t) {
      add_to_digits(terms_[t]);
    }
    n_terms_ = 0;
  }
}

void ExactSum::add(double value) {
  if (value == 0.0) {
    return;
  }
  if (!digits_ && n_terms_ < terms_.size()) {
    terms_[n_terms_++] = value;
    return;
  }
  use_digits();
  add_to_digits(value);
}

void ExactSum::add_to_digits(double value) {
  if (++n_since_carry_ == most_without_carry) {
    carry();
  }
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto exponent = static_cast<unsigned>(bits >> 52 & 0x7ffU);
  const std::uint64_t fraction = bits & 0xfffffffffffffU;
  const std::uint64_t integer = exponent == 0 ? fraction : fraction | 0x10000000000000U;
  // The integer counts 2^(exponent - 1075), and 2^-1074 if the number is subnormal.
  const unsigned place = std::max(exponent, 1U) - 1075U - static_cast<unsigned>(lowest_exponent);
  const unsigned shift = place % 32;
  const std::uint64_t low = (integer & digit_mask) << shift;
  const std::uint64_t high = (integer >> 32) << shift;
  const std::array<std::uint64_t, 3> parts{low & digit_mask, (low >> 32) + (high & digit_mask),
                                           high >> 32};
  const bool is_negative = bits >> 63 != 0;
  std::int64_t* digit = digits_->data() + place / 32;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto part = static_cast<std::int64_t>(parts[p]);
    digit[p] += is_negative ? -part : part;
  }
}

void ExactSum::add(const ExactSum& other) {
  if (!other.digits_) {
    // A copy, because a sum may be added to itself.
    const std::array<double, 2> terms = other.terms_;
    const std::size_t n_terms = other.n_terms_;
    for (std::size_t t = 0; t < n_terms; ++t) {
      add(terms[t]);
    }
    return;
  }
  ExactSum carried = other;
  carried.carry();
  use_digits();
  carry();
  for (std::size_t d = 0; d < n_digits; ++d) {
    (*digits_)[d] += (*carried.digits_)[d];
  }
  n_since_carry_ = 1;
}

void ExactSum::carry() {
  std::int64_t carried = 0;
  for (std::size_t d = 0; d + 1 < n_digits; ++d) {
    const std::int64_t digit = (*digits_)[d] + carried;
    carried = digit >> 32;
    (*digits_)[d] = digit & static_cast<std::int64_t>(digit_mask);
  }
  (*digits_)[n_digits - 1] += carried;
  n_since_carry_ = 0;
}

const std::array<std::int64_t, ExactSum::n_digits>& ExactSum::digits() {
  use_digits();
  carry();
  return *digits_;
}

bool ExactSum::magnitude(std::span<std::uint32_t, n_digits + 1> to) const {
  if (!digits_) {
    ExactSum with_digits = *this;
    with_digits.use_digits();
    return with_digits.magnitude(to);
  }
  const Digits& terms = *digits_;
  std::ranges::fill(to, 0U);
  std::size_t begin = 0;
  std::size_t end = n_digits;
  while (begin < end && terms[begin] == 0) {
    ++begin;
  }
  while (end > begin && terms[end - 1] == 0) {
    --end;
  }
  // Digits of the two's complement, up to where only the sign is carried.
  std::int64_t carried = 0;
  std::size_t d = begin;
  for (; d < to.size() && (d < end || (carried != 0 && carried != -1)); ++d) {
    carried += d < n_digits ? terms[d] : 0;
    to[d] = static_cast<std::uint32_t>(carried);
    carried >>= 32;
  }
  if (carried == 0) {
    return false;
  }
  std::uint64_t rest = 1;
  for (std::size_t i = begin; i < to.size() && (i < d || rest != 0); ++i) {
    rest += i < d ? static_cast<std::uint32_t>(~to[i]) : 0U;
    to[i] = static_cast<std::uint32_t>(rest);
    rest >>= 32;
  }
  return true;
}

double ExactSum::rounded_quotient(std::uint64_t n) const {
  if (!digits_) {
    if (const std::optional<double> quotient = quotient_of_terms(terms_[0], terms_[1], n)) {
      return *quotient;
    }
  }
  std::array<std::uint32_t, n_digits + 1> digits;
  const bool is_negative = magnitude(digits);
  const double rounded = divided(digits, n);
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
