#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "rows/exact_sum.hpp"
#include "simd/row_kernels.hpp"
#include "thinset/instruction_set.hpp"
#include "thinset/random.hpp"

using namespace thinset;

namespace {

double sum_of(const std::vector<double>& values) {
  ExactSum sum;
  for (const double value : values) {
    sum.add(value);
  }
  return sum.rounded();
}

double quotient_of(const std::vector<double>& values, std::uint64_t n) {
  ExactSum sum;
  for (const double value : values) {
    sum.add(value);
  }
  return sum.rounded_quotient(n);
}

// Of any exponent between the two.
std::vector<double> wild_values(std::size_t n, int lowest, int highest, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) {
    const int exponent =
        lowest + static_cast<int>(random.below(static_cast<std::uint64_t>(highest - lowest)));
    values.push_back(std::ldexp(2.0 * random.uniform() - 1.0, exponent));
  }
  return values;
}

}  // namespace

TEST(single_values_come_back) {
  constexpr double smallest = std::numeric_limits<double>::denorm_min();
  constexpr double largest = std::numeric_limits<double>::max();
  for (const double value : {0.0, 1.0, -1.0, 0.1, smallest, -3 * smallest, 0x1p-1022, -0x1.8p-1022,
                             largest, -largest, 0x1.fffffffffffffp-1022}) {
    CHECK(sum_of({value}) == value);
    CHECK(quotient_of({value, value, value}, 3) == value);
  }
  for (const double value : wild_values(1000, -1100, 1023, 1)) {
    CHECK(sum_of({value}) == value);
    CHECK(sum_of({value, -value}) == 0.0);
    CHECK(quotient_of({value}, 1) == value);
  }
}

TEST(nothing_is_lost_between_far_exponents) {
  CHECK(sum_of({1e300, 1.0, -1e300}) == 1.0);
  CHECK(sum_of({1e308, 1e308, -1e308, 5e-324, -1e308}) == 5e-324);
  // Halves go to even, unless anything is beyond them.
  CHECK(sum_of({1.0, 0x1p-53}) == 1.0);
  CHECK(sum_of({1.0, 0x1p-53, 5e-324}) == 1.0 + 0x1p-52);
  CHECK(sum_of({1.0 + 0x1p-52, 0x1p-53}) == 1.0 + 0x1p-51);
  CHECK(sum_of({-1.0, -0x1p-53, -5e-324}) == -1.0 - 0x1p-52);
  CHECK(sum_of({1e308, 1e308}) == std::numeric_limits<double>::infinity());
}

TEST(quotients_are_rounded_once) {
  CHECK(quotient_of({1.0}, 3) == 1.0 / 3.0);
  CHECK(quotient_of({1.0, 1.0}, 3) == 2.0 / 3.0);
  CHECK(quotient_of({-5.0}, 7) == -5.0 / 7.0);
  CHECK(quotient_of({5e-324}, 2) == 0.0);
  CHECK(quotient_of({3 * 5e-324}, 2) == 2 * 5e-324);
  CHECK(quotient_of({1.0}, std::uint64_t{1} << 40) == 0x1p-40);
  CHECK(quotient_of({1.0}, (std::uint64_t{1} << 40) - 1) ==
        1.0 / static_cast<double>((std::uint64_t{1} << 40) - 1));
  // The sum is between two float64 numbers, its half is one.
  CHECK(quotient_of({0x1p60, 0x1p60, 2.0, -0x1p60}, 1) == 0x1p60);
}

TEST(order_and_parts_do_not_matter) {
  std::vector<double> values = wild_values(3000, -1000, 1000, 2);
  const double expected = sum_of(values);
  ExactSum whole;
  std::vector<ExactSum> parts(3);
  for (std::size_t i = 0; i < values.size(); ++i) {
    whole.add(values[i]);
    parts[i * i % 3].add(values[i]);
  }
  ExactSum merged;
  for (const std::size_t p : {2, 0, 1}) {
    merged.add(parts[p]);
  }
  CHECK(merged.digits() == whole.digits());
  std::ranges::reverse(values);
  CHECK(sum_of(values) == expected && merged.rounded() == expected);
  // Digits add up, too.
  std::array<std::int64_t, ExactSum::n_digits> digits{};
  for (ExactSum& part : parts) {
    for (std::size_t d = 0; d < digits.size(); ++d) {
      digits[d] += part.digits()[d];
    }
  }
  CHECK(ExactSum(digits).digits() == whole.digits());
}

TEST(splits_add_up_exactly) {
  for (const InstructionSet set : available_instruction_sets()) {
    use_instruction_set(set);
    for (const int magnitude : {-1060, -400, 0, 350, 899}) {
      for (const std::size_t n : {std::size_t{1}, std::size_t{2}, std::size_t{5000}}) {
        constexpr std::size_t n_columns = 19;
        const std::vector<double> values =
            wild_values(n * n_columns, magnitude - 12, magnitude, 3 + n);
        double largest = 0.0;
        for (const double value : values) {
          largest = std::max(largest, std::fabs(value));
        }
        const SumSplit split = SumSplit::of(largest, n);
        const std::vector<double> for_high(n_columns, split.high);
        const std::vector<double> for_low(n_columns, split.low);
        std::vector<double> high(n_columns);
        std::vector<double> low(n_columns);
        for (std::size_t i = 0; i < n; ++i) {
          row_kernels<double>().add_split(values.data() + i * n_columns, n_columns, for_high.data(),
                                          for_low.data(), high.data(), low.data());
        }
        for (std::size_t j = 0; j < n_columns; ++j) {
          ExactSum expected;
          for (std::size_t i = 0; i < n; ++i) {
            // Rounded to a multiple of the least unit; scaled, because it may be subnormal.
            const double scaled = std::ldexp(values[i * n_columns + j], -magnitude);
            const int exponent = std::ilogb(split.least) - magnitude;
            const double up = std::ldexp(scaled, -exponent);
            const double rounded = std::fabs(up) < 0x1p52 ? std::nearbyint(up) : up;
            expected.add(std::ldexp(rounded, exponent + magnitude));
          }
          ExactSum both;
          both.add(high[j]);
          both.add(low[j]);
          CHECK(both.digits() == expected.digits());
        }
        CHECK(split.least <= std::max(largest * static_cast<double>(n * n) * 0x1p-101, 0x1p-1074));
      }
    }
  }
}

TEST_MAIN
