#include "rows/column_sums.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "thinset/element.hpp"

namespace thinset {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t columns_per_strip = 16;
// 1,024 parts of up to 2^42 units are an integer that float64 can represent.
constexpr int bits_of_part = 42;
constexpr int least_exponent = -1074;
// The constants that split values must not overflow.
constexpr double largest_to_split = 0x1p1000;

// std::ldexp(1.0, exponent), in a few instructions.
double power_of_two(int exponent) {
  constexpr int least_normal = -1022;
  return exponent < least_normal
             ? std::ldexp(1.0, exponent)
             : std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

}  // namespace

void ColumnSums::move_from(std::vector<double>& terms) {
  const std::scoped_lock lock(mutex_);
  for (std::size_t j = 0; j < terms.size(); ++j) {
    sums_[j].add(terms[j]);
    terms[j] = 0.0;
  }
}

template <class T>
ColumnReader<T>::ColumnReader(std::size_t n_columns, ColumnSums& sums)
    : n_columns_(n_columns),
      sums_(sums),
      split_high_(n_columns, 0.0),
      split_low_(n_columns, 0.0),
      limit_(n_columns, -1.0),
      high_(n_columns, 0.0),
      low_(n_columns, 0.0),
      min_(n_columns, infinity),
      max_(n_columns, -infinity),
      failed_((n_columns + columns_per_strip - 1) / columns_per_strip) {}

template <class T>
ColumnTotals ColumnReader<T>::totals(std::size_t begin) {
  return {split_high_.data() + begin, split_low_.data() + begin, limit_.data() + begin,
          high_.data() + begin,       low_.data() + begin,       min_.data() + begin,
          max_.data() + begin};
}

template <class T>
bool ColumnReader<T>::add(const T* const* rows, std::size_t n_rows) {
  if (!has_limits_) {
    set_first_limits(rows, n_rows);
    has_limits_ = true;
  }
  const std::size_t n_failed =
      row_kernels<T>().sum_columns(rows, n_rows, n_columns_, totals(0), failed_.data());
  bool is_finite = true;
  for (std::size_t s = 0; s < n_failed && is_finite; ++s) {
    is_finite = add_strip(rows, n_rows, failed_[s]);
  }
  return is_finite;
}

// Without limits every strip of the first rows would fail, and be read again.
template <class T>
void ColumnReader<T>::set_first_limits(const T* const* rows, std::size_t n_rows) {
  std::vector<Score<T>> largest(n_columns_, Score<T>{0});
  for (std::size_t r = 0; r < n_rows; ++r) {
    row_kernels<T>().raise_scores[static_cast<std::size_t>(ScoreOf::magnitude)](rows[r], n_columns_,
                                                                                largest.data());
  }
  for (std::size_t j = 0; j < n_columns_; ++j) {
    if (std::isfinite(largest[j])) {  // add() refuses other values
      raise_limit(j, static_cast<double>(largest[j]));
    }
  }
}

template <class T>
bool ColumnReader<T>::add_strip(const T* const* rows, std::size_t n_rows, std::size_t begin) {
  const std::size_t n = std::min(columns_per_strip, n_columns_ - begin);
  std::array<std::array<double, columns_per_strip>, most_rows_at_once> values{};
  std::array<const T*, most_rows_at_once> strips;
  std::array<double, columns_per_strip> largest{};
  std::array<double, columns_per_strip> witness{};  // x - x is NaN if x is not finite
  for (std::size_t r = 0; r < n_rows; ++r) {
    strips[r] = rows[r] + begin;
    row_kernels<T>().widen(strips[r], values[r].data(), n);
    for (std::size_t l = 0; l < columns_per_strip; ++l) {
      const double magnitude = std::fabs(values[r][l]);
      largest[l] = magnitude > largest[l] ? magnitude : largest[l];
      witness[l] += magnitude - magnitude;
    }
  }
  if (std::ranges::any_of(witness, [](double value) { return value != 0.0; })) {
    return false;
  }
  for (std::size_t l = 0; l < n; ++l) {
    if (largest[l] > limit_[begin + l]) {
      raise_limit(begin + l, largest[l]);
    }
  }
  std::size_t failed = 0;
  if (row_kernels<T>().sum_columns(strips.data(), n_rows, n, totals(begin), &failed) == 0) {
    return true;
  }
  for (std::size_t l = 0; l < n; ++l) {
    ExactSum sum;
    for (std::size_t r = 0; r < n_rows; ++r) {
      const double value = values[r][l];
      sum.add(value);
      min_[begin + l] = std::min(min_[begin + l], value);
      max_[begin + l] = std::max(max_[begin + l], value);
    }
    sums_.add(begin + l, sum);
  }
  return true;
}

template <class T>
void ColumnReader<T>::raise_limit(std::size_t column, double largest) {
  for (double* part : {&high_[column], &low_[column]}) {
    if (*part != 0.0) {
      sums_.add(column, *part);
      *part = 0.0;
    }
  }
  if (largest > largest_to_split) {
    limit_[column] = -1.0;
    return;
  }
  // Twice to four times as large as the largest so far, so that it is not raised often.
  const int exponent = largest > 0.0 ? std::ilogb(largest) + 2 : least_exponent;
  const int high = std::max(exponent - bits_of_part, least_exponent);
  const int low = std::max(high - 1 - bits_of_part, least_exponent);
  limit_[column] = power_of_two(high + bits_of_part);
  split_high_[column] = 1.5 * power_of_two(high + 52);
  split_low_[column] = 1.5 * power_of_two(low + 52);
}

template <class T>
void ColumnReader<T>::finish() {
  sums_.move_from(high_);
  sums_.move_from(low_);
}

std::uint64_t column_sums_memory(std::uint64_t n_columns, unsigned n_threads) {
  return n_columns * (ExactSum::bytes() + std::uint64_t{n_threads} * 7 * sizeof(double));
}

template class ColumnReader<float>;
template class ColumnReader<double>;
template class ColumnReader<Float16>;
template class ColumnReader<BFloat16>;

}  // namespace thinset
