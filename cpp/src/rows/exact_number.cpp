#include "rows/exact_number.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace thinset {

ExactNumber::ExactNumber(bool is_negative, int exponent, std::vector<std::uint32_t> digits)
    : is_negative_(is_negative), exponent_(exponent), digits_(std::move(digits)) {
  while (!digits_.empty() && digits_.back() == 0) {
    digits_.pop_back();
  }
  const auto first = std::ranges::find_if(digits_, [](std::uint32_t digit) { return digit != 0; });
  exponent_ += static_cast<int>(first - digits_.begin());
  digits_.erase(digits_.begin(), first);
}

ExactNumber::ExactNumber(std::uint64_t value)
    : ExactNumber(false, 0,
                  {static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(value >> 32)}) {}

ExactNumber::ExactNumber(double value) {
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(value), &exponent);
  const auto integer = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  exponent -= 53;
  const int place = (exponent >= 0 ? exponent : exponent - 31) / 32;
  const int shift = exponent - 32 * place;
  const std::uint64_t low = (integer & 0xffffffffU) << shift;
  const std::uint64_t high = (low >> 32) + ((integer >> 32) << shift);
  *this = ExactNumber(std::signbit(value), place,
                      {static_cast<std::uint32_t>(low), static_cast<std::uint32_t>(high),
                       static_cast<std::uint32_t>(high >> 32)});
}

ExactNumber::ExactNumber(const ExactSum& sum) {
  std::array<std::uint32_t, ExactSum::n_digits + 1> digits;
  const bool is_negative = sum.magnitude(digits);
  static_assert(ExactSum::lowest_exponent % 32 == 0);
  *this = ExactNumber(is_negative, ExactSum::lowest_exponent / 32, {digits.begin(), digits.end()});
}

ExactNumber ExactNumber::operator-() const {
  ExactNumber negated = *this;
  negated.is_negative_ = !is_negative_;
  return negated;
}

ExactNumber operator+(const ExactNumber& a, const ExactNumber& b) {
  if (a.digits_.empty() || b.digits_.empty()) {
    return a.digits_.empty() ? b : a;
  }
  const int begin = std::min(a.exponent_, b.exponent_);
  const int end = std::max(a.end(), b.end()) + 1;
  std::vector<std::uint32_t> digits;
  digits.reserve(static_cast<std::size_t>(end - begin));
  if (a.is_negative_ == b.is_negative_) {
    std::uint64_t carried = 0;
    for (int place = begin; place < end; ++place) {
      carried += std::uint64_t{a.digit_at(place)} + b.digit_at(place);
      digits.push_back(static_cast<std::uint32_t>(carried));
      carried >>= 32;
    }
    return {a.is_negative_, begin, std::move(digits)};
  }
  int place = end - 1;
  while (place > begin && a.digit_at(place) == b.digit_at(place)) {
    --place;
  }
  const bool is_a_larger = a.digit_at(place) >= b.digit_at(place);
  const ExactNumber& larger = is_a_larger ? a : b;
  const ExactNumber& smaller = is_a_larger ? b : a;
  std::int64_t borrowed = 0;
  for (place = begin; place < end; ++place) {
    borrowed += std::int64_t{larger.digit_at(place)} - std::int64_t{smaller.digit_at(place)};
    digits.push_back(static_cast<std::uint32_t>(borrowed));
    borrowed >>= 32;
  }
  return {larger.is_negative_, begin, std::move(digits)};
}

ExactNumber operator*(const ExactNumber& a, const ExactNumber& b) {
  std::vector<std::uint32_t> digits(a.digits_.size() + b.digits_.size(), 0);
  for (std::size_t i = 0; i < a.digits_.size(); ++i) {
    std::uint64_t carried = 0;
    for (std::size_t j = 0; j < b.digits_.size(); ++j) {
      carried += std::uint64_t{a.digits_[i]} * b.digits_[j] + digits[i + j];
      digits[i + j] = static_cast<std::uint32_t>(carried);
      carried >>= 32;
    }
    digits[i + b.digits_.size()] = static_cast<std::uint32_t>(carried);
  }
  return {a.is_negative_ != b.is_negative_, a.exponent_ + b.exponent_, std::move(digits)};
}

int sign_with_root(const ExactNumber& a, const ExactNumber& b, const ExactNumber& c) {
  const int of_root = b.sign() * c.sign();
  if (a.sign() == 0 || of_root == 0 || a.sign() == of_root) {
    return a.sign() != 0 ? a.sign() : of_root;
  }
  return a.sign() * (a * a - b * b * c).sign();
}

}  // namespace thinset
