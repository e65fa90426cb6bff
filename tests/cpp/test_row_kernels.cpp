#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "check.hpp"
#include "rows/exact_sum.hpp"
#include "sample_data.hpp"
#include "simd/row_kernels.hpp"
#include "thinset/error.hpp"
#include "thinset/instruction_set.hpp"
#include "thinset/random.hpp"

using namespace thinset;

namespace {

// The canonical order of row_kernels.hpp, written as it reads.
template <class Term>
double canonical_sum(std::size_t n, const Term& term) {
  double lanes[16] = {};
  for (std::size_t j = 0; j < n; ++j) lanes[j % 16] += term(j);
  for (std::size_t width = 8; width > 0; width /= 2) {
    for (std::size_t l = 0; l < width; ++l) lanes[l] += lanes[l + width];
  }
  return lanes[0];
}

template <class Body>
void for_each_instruction_set(const Body& body) {
  for (const InstructionSet set : available_instruction_sets()) {
    use_instruction_set(set);
    body();
  }
  use_instruction_set(available_instruction_sets().back());
}

// Any finite element: the bits are drawn, so that subnormals and both zeros are among them.
template <class T, class Bits>
std::vector<T> finite_elements(std::size_t n, Bits exponent, std::uint64_t seed) {
  Random random(seed);
  std::vector<T> values;
  while (values.size() < n) {
    const auto bits = static_cast<Bits>(random.next() >> 7);
    if ((bits & exponent) != exponent) values.push_back(std::bit_cast<T>(bits));
  }
  return values;
}

template <class T>
void check_canonical_bits(const std::vector<T>& x, const std::vector<double>& y) {
  const RowKernels<T>& kernels = row_kernels<T>();
  const auto same = [](double a, double b) {
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
  };
  std::vector<double> wide(x.size());
  for (std::size_t j = 0; j < x.size(); ++j) kernels.widen(&x[j], &wide[j], 1);
  for (std::size_t n = 0; n <= 70; ++n) {
    // Every start is a new misalignment.
    const std::size_t start = x.size() - 70 - n % 17;
    const T* row = x.data() + start;
    const double* point = y.data() + n % 5;
    const double squared = canonical_sum(n, [&](std::size_t j) {
      const double difference = wide[start + j] - point[j];
      return difference * difference;
    });
    const double dot = canonical_sum(n, [&](std::size_t j) { return wide[start + j] * point[j]; });
    CHECK(same(kernels.squared_distance(row, point, n), squared));
    CHECK(same(kernels.dot(row, point, n), dot));

    std::vector<double> widened(n + 1, -7.0);
    kernels.widen(row, widened.data(), n);
    for (std::size_t j = 0; j < n; ++j) {
      CHECK(same(widened[j], wide[start + j]));
    }
    CHECK(widened[n] == -7.0);

    const std::vector<double> split_high(n, 0x1.8p20), split_low(n, 0x1.8p-10);
    std::vector<double> high(n + 1, 0.5), low(n + 1, 0.25);
    kernels.add_split(row, n, split_high.data(), split_low.data(), high.data(), low.data());
    for (std::size_t j = 0; j < n; ++j) {
      const double value = wide[start + j];
      const double high_part = (value + 0x1.8p20) - 0x1.8p20;
      CHECK(same(high[j], 0.5 + high_part));
      CHECK(same(low[j], 0.25 + (((value - high_part) + 0x1.8p-10) - 0x1.8p-10)));
    }
    CHECK(high[n] == 0.5 && low[n] == 0.25);
  }
}

}  // namespace

TEST(every_instruction_set_gives_the_canonical_bits) {
  const auto y = finite_elements<float, std::uint32_t>(80, 0x7f800000U, 1);
  const std::vector<double> point(y.begin(), y.end());
  for_each_instruction_set([&] {
    check_canonical_bits(finite_elements<float, std::uint32_t>(90, 0x7f800000U, 2), point);
    check_canonical_bits(finite_elements<Float16, std::uint16_t>(90, 0x7c00U, 3), point);
    check_canonical_bits(finite_elements<BFloat16, std::uint16_t>(90, 0x7f80U, 4), point);
    const sample::Matrix ordinary = sample::uniform(1, 90, 5);
    check_canonical_bits(ordinary.values, point);
    check_canonical_bits(std::vector<double>(ordinary.values.begin(), ordinary.values.end()),
                         point);
  });
}

TEST(long_rows_have_the_canonical_bits) {
  for_each_instruction_set([] {
    for (const std::size_t n : {216U, 1000U, 4097U}) {
      const sample::Matrix x = sample::uniform(1, n, n + 1);
      const sample::Matrix other = sample::uniform(1, n, n + 2);
      const std::vector<double> y(other.values.begin(), other.values.end());
      const std::vector<double> wide(x.values.begin(), x.values.end());
      const double squared =
          canonical_sum(n, [&](std::size_t j) { return (wide[j] - y[j]) * (wide[j] - y[j]); });
      const double dot = canonical_sum(n, [&](std::size_t j) { return wide[j] * y[j]; });
      CHECK(row_kernels<float>().squared_distance(x.values.data(), y.data(), n) == squared);
      CHECK(row_kernels<float>().dot(x.values.data(), y.data(), n) == dot);
      CHECK(row_kernels<double>().squared_distance(wide.data(), y.data(), n) == squared);
      CHECK(row_kernels<double>().dot(wide.data(), y.data(), n) == dot);
    }
  });
}

// With the bits of squared_distance, in every place of a register.
TEST(ranks_of_points_are_lowered) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for_each_instruction_set([] {
    const RowKernels<float>& kernels = row_kernels<float>();
    for (std::size_t n_columns = 1; n_columns <= 4; ++n_columns) {
      for (const std::size_t n : {1U, 15U, 16U, 17U, 50U}) {
        const std::size_t stride = n + 3;
        const sample::Matrix columns = sample::uniform(n_columns, stride, n);
        const std::vector<double> y{0.3, -0.1, 0.7, 1.0 / 3.0};
        std::vector<double> ranks;
        for (std::size_t i = 0; i < n; ++i) {
          ranks.push_back(i % 5 == 0 ? -infinity : i % 5 == 1 ? infinity : 0.2);
        }
        double largest = 0.0;
        std::vector<double> expected;
        for (std::size_t i = 0; i < n; ++i) {
          std::vector<float> point;
          for (std::size_t j = 0; j < n_columns; ++j) {
            point.push_back(columns.values[j * stride + i]);
          }
          const double rank = kernels.squared_distance(point.data(), y.data(), n_columns);
          expected.push_back(std::min(ranks[i], rank));
          largest = std::max(largest, expected.back());
        }
        ranks.push_back(7.0);  // not one of them
        const double found = kernels.lower_ranks(columns.values.data(), stride, n_columns, n,
                                                 y.data(), ranks.data());
        CHECK(found == largest);
        CHECK(ranks.back() == 7.0);
        ranks.pop_back();
        CHECK(ranks == expected);
      }
    }
  });
}

// Adding up and moving leave the sums of what is left, without rounding.
TEST(split_parts_are_moved_exactly) {
  for_each_instruction_set([] {
    const RowKernels<float>& kernels = row_kernels<float>();
    for (const std::size_t n : {1U, 15U, 16U, 33U}) {
      const sample::Matrix x = sample::uniform(3, n, n);
      const SumSplit split = SumSplit::of(1.0, 3);
      const std::vector<double> high(n, split.high);
      const std::vector<double> low(n, split.low);
      const auto sums_of = [&](const std::vector<std::size_t>& rows) {
        std::vector<double> sums(2 * n, 0.0);
        for (const std::size_t row : rows) {
          kernels.add_split(x.values.data() + row * n, n, high.data(), low.data(), sums.data(),
                            sums.data() + n);
        }
        return sums;
      };
      std::vector<double> from = sums_of({0, 1, 2});
      std::vector<double> to = sums_of({});
      kernels.move_split(x.values.data() + n, n, high.data(), low.data(), from.data(),
                         from.data() + n, to.data(), to.data() + n);
      CHECK(from == sums_of({0, 2}));
      CHECK(to == sums_of({1}));
    }
  });
}

TEST(every_float16_widens_exactly) {
  std::vector<Float16> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].bits = static_cast<std::uint16_t>(i);
  for_each_instruction_set([&] {
    std::vector<double> wide(all.size());
    row_kernels<Float16>().widen(all.data(), wide.data(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      const int exponent = (i >> 10) & 31;
      const double fraction = static_cast<double>(i & 1023) / 1024.0;
      double expected =
          exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1.0 + fraction, exponent - 15);
      if (exponent == 31) {
        expected = fraction == 0.0 ? std::numeric_limits<double>::infinity() : NAN;
      }
      if (i >> 15) expected = -expected;
      CHECK(std::isnan(expected)
                ? std::isnan(wide[i])
                : std::bit_cast<std::uint64_t>(wide[i]) == std::bit_cast<std::uint64_t>(expected));
    }
  });
}

TEST(bfloat16_widens_exactly) {
  const std::vector<BFloat16> values = {{0x3f80}, {0xc040}, {0x0001}, {0x7f80}};
  std::vector<double> wide(4);
  row_kernels<BFloat16>().widen(values.data(), wide.data(), 4);
  CHECK(wide[0] == 1.0 && wide[1] == -3.0);
  CHECK(wide[2] == std::ldexp(1.0, -133));
  CHECK(std::isinf(wide[3]));
}

TEST(columns_are_summed_by_parts) {
  for_each_instruction_set([] {
    for (const std::size_t n : {1U, 5U, 16U, 41U}) {
      const sample::Matrix x = sample::uniform(64, n, n);
      std::vector<const float*> rows;
      for (std::size_t i = 0; i < 64; ++i) rows.push_back(x.values.data() + i * n);
      const std::vector<double> split_high(n + 1, 0x1.8p20), split_low(n + 1, 0x1.8p-20);
      std::vector<double> limit(n + 1, 1.0), high(n + 1, 4.0), low(n + 1, 0.0);
      std::vector<double> min(n + 1, 9.0), max(n + 1, -9.0);
      std::vector<std::size_t> failed(4);
      const auto sum = [&] {
        return row_kernels<float>().sum_columns(rows.data(), 64, n,
                                                {split_high.data(), split_low.data(), limit.data(),
                                                 high.data(), low.data(), min.data(), max.data()},
                                                failed.data());
      };
      CHECK(sum() == 0);
      for (std::size_t j = 0; j < n; ++j) {
        double highs = 4.0;
        double lows = 0.0;
        double least = 9.0;
        double most = -9.0;
        for (std::size_t i = 0; i < 64; ++i) {
          const double value = rows[i][j];
          const double part = std::nearbyint(value * 0x1p32) * 0x1p-32;
          highs += part;
          lows += value - part;
          least = std::min(least, value);
          most = std::max(most, value);
        }
        CHECK(high[j] == highs && low[j] == lows && min[j] == least && max[j] == most);
      }
      CHECK(high[n] == 4.0 && low[n] == 0.0 && min[n] == 9.0 && max[n] == -9.0);
      // What is not added is named by the strip, and changes nothing.
      const std::vector<double> before = high;
      limit.assign(n + 1, 0.0);
      CHECK(sum() == (n + 15) / 16 && failed[0] == 0 && (n <= 16 || failed[1] == 16));
      limit.assign(n + 1, 2.0);
      sample::Matrix bad = x;
      for (std::size_t i = 0; i < 64; ++i) rows[i] = bad.values.data() + i * n;
      for (const float value : {NAN, INFINITY, -INFINITY, 3.0F, 0x1p-80F}) {
        bad.values[20 * n + n - 1] = value;
        CHECK(sum() == 1 && failed[0] == (n - 1) / 16 * 16);
      }
      CHECK(high[n - 1] == before[n - 1]);
    }
  });
}

TEST(an_instruction_set_that_is_not_there_is_refused) {
  const auto sets = available_instruction_sets();
  CHECK(sets.front() == InstructionSet::plain);
  if (sets.back() != InstructionSet::avx512) {
    CHECK(check::contains(
        check::message_of<InvalidInput>([] { use_instruction_set(InstructionSet::avx512); }),
        "avx512"));
  }
}

TEST_MAIN
