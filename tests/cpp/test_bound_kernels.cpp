// The float32 kernels of bounds, against sums in long double.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "adversarial.hpp"
#include "bound_cases.hpp"
#include "check.hpp"
#include "rows/widened.hpp"
#include "sample_data.hpp"
#include "simd/pair_kernels.hpp"
#include "simd/rough_kernels.hpp"
#include "simd/screen_kernels.hpp"
#include "thinset/instruction_set.hpp"
#include "thinset/random.hpp"

using namespace thinset;
using namespace bound_cases;

namespace {

long double dot(const float* x, const float* y, std::size_t n, bool absolute = false) {
  long double sum = 0.0L;
  for (std::size_t j = 0; j < n; ++j) {
    const long double term = static_cast<long double>(x[j]) * y[j];
    sum += absolute ? std::fabs(term) : term;
  }
  return sum;
}

// Rows as blocks of 16, coordinate by coordinate.
std::vector<float> blocks_of(const std::vector<float>& values, std::size_t n, std::size_t columns) {
  std::vector<float> blocks(n * columns);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      blocks[i / 16 * 16 * columns + j * 16 + i % 16] = values[i * columns + j];
    }
  }
  return blocks;
}

}  // namespace

TEST(projections_are_within_their_error) {
  for_each_instruction_set([] {
    for (const std::size_t n : adversarial::dimensions) {
      for (const auto& matrix : adversarial::matrices<float>(8, n, 3)) {
        const auto directions = adversarial::matrices<float>(5, n, 4).front();
        for (std::size_t i = 0; i < matrix.n_rows; ++i) {
          float out[5];
          const float* x = matrix.values.data() + i * n;
          screen_kernels().project(x, directions.values.data(), n, 5, out);
          for (std::size_t d = 0; d < 5; ++d) {
            const float* direction = directions.values.data() + d * n;
            const long double bound =
                (static_cast<double>(n) / 16.0 + 5.0) * 0x1p-24 * dot(x, direction, n, true) +
                static_cast<double>(n) * 0x1p-149;
            CHECK(std::fabs(out[d] - dot(x, direction, n)) <= bound);
          }
        }
      }
    }
  });
}

TEST(searches_are_within_their_error) {
  constexpr std::size_t n_points = points_per_group;
  for_each_instruction_set([] {
    for (const std::size_t n : {1U, 15U, 16U, 17U, 32U, 100U}) {
      for (const auto& matrix : adversarial::matrices<float>(n_points, n, 6)) {
        if (matrix.name == "huge") {
          continue;  // images have about unit radius
        }
        std::vector<float> norms;
        for (std::size_t p = 0; p < n_points; ++p) {
          const float* x = matrix.values.data() + p * n;
          norms.push_back(static_cast<float>(dot(x, x, n)));
        }
        const std::vector<float> blocks = blocks_of(matrix.values, n_points, n);
        for (const std::size_t n_queries : {1U, 2U, 3U, 7U, 11U}) {
          std::vector<float> limits;
          for (std::size_t q = 0; q < n_queries; ++q) {
            const float* query = matrix.values.data() + q * n;
            const float* edge = matrix.values.data() + (n_points - 1 - q) * n;
            limits.push_back(static_cast<float>(dot(edge, edge, n) - 2.0L * dot(edge, query, n)));
          }
          std::vector<std::uint64_t> near(n_queries);
          screen_kernels().find_near(matrix.values.data(), limits.data(), n_queries, blocks.data(),
                                     norms.data(), 1, n, near.data());
          for (std::size_t q = 0; q < n_queries; ++q) {
            for (std::size_t p = 0; p < n_points; ++p) {
              const float* query = matrix.values.data() + q * n;
              const float* x = matrix.values.data() + p * n;
              const long double value = dot(x, x, n) - 2.0L * dot(x, query, n);
              const long double error =
                  (static_cast<double>(n) + 4.0) * 0x1p-24 * (dot(x, x, n) + dot(query, query, n)) +
                  static_cast<double>(n) * 0x1p-147;
              const bool is_near = (near[q] >> p & 1U) != 0;
              CHECK(is_near || value + error > limits[q]);
              CHECK(!is_near || value - error <= limits[q]);
            }
          }
        }
      }
    }
  });
}

// Of every number of blocks and queries, what find_near finds, and the smallest of the others.
TEST(blocks_are_searched_like_groups) {
  constexpr std::size_t n_points = points_per_group;
  constexpr std::size_t n_blocks_of_group = points_per_group / points_per_block;
  for_each_instruction_set([] {
    for (const std::size_t n : {1U, 16U, 33U}) {
      const sample::Matrix x = sample::uniform(n_points, n, 7);
      std::vector<float> norms;
      for (std::size_t p = 0; p < n_points; ++p) {
        const float* point = x.values.data() + p * n;
        norms.push_back(static_cast<float>(dot(point, point, n)));
      }
      norms[5] = std::numeric_limits<float>::infinity();  // as where there is no point
      const std::vector<float> blocks = blocks_of(x.values, n_points, n);
      for (const std::size_t n_blocks : {1U, 2U, 3U, 4U}) {
        for (const std::size_t n_queries : {1U, 2U, 3U, 4U, 5U, 8U, 11U, 12U, 13U, 25U}) {
          std::vector<const float*> queries;
          std::vector<float> limits;
          std::vector<float> above(n_queries * n_blocks_of_group, -1.0F);
          std::vector<float*> their_above;
          for (std::size_t q = 0; q < n_queries; ++q) {
            const std::size_t at = (q * 19) % n_points;
            queries.push_back(x.values.data() + at * n);
            const float* edge = x.values.data() + (at + 1) % n_points * n;
            limits.push_back(
                static_cast<float>(dot(edge, edge, n) - 2.0L * dot(edge, queries[q], n)));
            their_above.push_back(above.data() + q * n_blocks_of_group);
          }
          std::vector<std::uint64_t> near(n_queries, ~std::uint64_t{0});
          screen_kernels().find_near_in_blocks(queries.data(), limits.data(), n_queries,
                                               blocks.data(), norms.data(), n_blocks, n,
                                               near.data(), their_above.data());
          for (std::size_t q = 0; q < n_queries; ++q) {
            for (std::size_t b = 0; b < n_blocks_of_group; ++b) {
              long double smallest = std::numeric_limits<float>::infinity();
              for (std::size_t p = b * points_per_block; p < (b + 1) * points_per_block; ++p) {
                const bool is_near = (near[q] >> p & 1U) != 0;
                if (b >= n_blocks || p == 5) {
                  CHECK(!is_near);
                  continue;
                }
                const float* point = x.values.data() + p * n;
                const long double value = dot(point, point, n) - 2.0L * dot(point, queries[q], n);
                const long double error = (static_cast<double>(n) + 4.0) * 0x1p-24 *
                                          (dot(point, point, n) + dot(queries[q], queries[q], n));
                CHECK(is_near || value + error > limits[q]);
                CHECK(!is_near || value - error <= limits[q]);
                if (!is_near) smallest = std::min(smallest, value);
              }
              const float found = above[q * n_blocks_of_group + b];
              CHECK(b < n_blocks ? std::fabs(found - smallest) <= 1e-4L || found == smallest
                                 : found == -1.0F);
            }
          }
        }
      }
    }
  });
}

// The nearest and the second within their error; of equal points, the first.
TEST(the_nearest_two_are_those_of_all_points) {
  for_each_instruction_set([] {
    for (const std::size_t n : {1U, 2U, 3U, 8U, 20U}) {
      sample::Matrix x = sample::uniform(points_per_group, n, 11);
      for (const std::size_t n_points : {1U, 2U, 5U, 33U}) {
        sample::Matrix y = sample::uniform(n_points, n, n_points);
        for (std::size_t j = 0; n_points > 5 && j < n; ++j) {
          y.values[20 * n + j] = x.values[4 * n + j];  // two equal points at a query
          y.values[9 * n + j] = x.values[4 * n + j];
        }
        std::vector<float> points;
        for (std::size_t p = 0; p < n_points; ++p) {
          const float* point = y.values.data() + p * n;
          points.push_back(static_cast<float>(dot(point, point, n)));
          for (std::size_t j = 0; j < n; ++j) points.push_back(-2.0F * point[j]);
        }
        for (const std::size_t n_queries : {16U, 32U, 48U, 64U}) {
          std::vector<float> columns(n * points_per_group);
          for (std::size_t q = 0; q < n_queries; ++q) {
            for (std::size_t j = 0; j < n; ++j) {
              columns[j * points_per_group + q] = x.values[q * n + j];
            }
          }
          std::vector<std::uint32_t> nearest(points_per_group, 999);
          std::vector<float> second(points_per_group, -999.0F);
          screen_kernels().find_nearest_two(columns.data(), n_queries, points.data(), n_points, n,
                                            nearest.data(), second.data());
          for (std::size_t q = 0; q < points_per_group; ++q) {
            if (q >= n_queries) {
              CHECK(nearest[q] == 999 && second[q] == -999.0F);
              continue;
            }
            std::vector<long double> values;
            for (std::size_t p = 0; p < n_points; ++p) {
              const float* point = y.values.data() + p * n;
              values.push_back(dot(point, point, n) -
                               2.0L * dot(point, x.values.data() + q * n, n));
            }
            const long double error =
                (2.0 * static_cast<double>(n) + 4.0) * 0x1p-24 * 2.0 * static_cast<double>(n);
            CHECK(nearest[q] < n_points);
            CHECK(values[nearest[q]] <= *std::ranges::min_element(values) + error);
            CHECK(q != 4 || n_points <= 5 || nearest[q] == 9);
            values.erase(values.begin() + nearest[q]);
            CHECK(values.empty()
                      ? second[q] == std::numeric_limits<float>::infinity()
                      : std::fabs(second[q] - *std::ranges::min_element(values)) <= error);
          }
        }
      }
    }
  });
}

TEST(bounds_on_distances_never_rise_by_rounding) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for_each_instruction_set([] {
    for (const std::size_t n : {16U, 48U, 64U}) {
      std::vector<float> bounds;
      std::vector<float> drops;
      std::vector<float> values;
      for (std::size_t i = 0; i < n; ++i) {
        bounds.push_back(i % 11 == 3 ? infinity : 1.0F + 0.37F * static_cast<float>(i % 13));
        drops.push_back(i % 4 == 1 ? 0.0F : 0.123456F * static_cast<float>(i % 7));
        values.push_back(i % 5 == 2 ? infinity : 0.9F * static_cast<float>(i % 17) - 4.0F);
      }
      const std::vector<float> before = bounds;
      const std::uint64_t found = screen_kernels().lower_bounds(bounds.data(), drops.data(), n, 2);
      for (std::size_t i = 0; i < n; ++i) {
        const double exact = static_cast<double>(before[i]) - static_cast<double>(drops[i]);
        CHECK(bounds[i] <= exact);
        CHECK(bounds[i] >= exact - 1e-5 || before[i] == infinity);
        CHECK((found >> i & 1U) == (bounds[i] <= 2.0F ? 1U : 0U));
      }
      CHECK(n == 64 || found >> n == 0);
      const std::vector<float> lowered = bounds;
      screen_kernels().lower_bounds_to(bounds.data(), values.data(), n, 3.0F, 0.75F, 0.5F);
      for (std::size_t i = 0; i < n; ++i) {
        const double square = std::max(static_cast<double>(values[i]) + 3.0, 0.0);
        const double expected =
            std::min(static_cast<double>(lowered[i]), 0.75 * std::sqrt(square) - 0.5);
        CHECK(bounds[i] == expected || std::fabs(bounds[i] - expected) <= 1e-6);
      }
    }
  });
}

TEST(halves_are_next_to_the_values) {
  std::vector<float> values = {0.0F, 1.0F, -1.0F, 65504.0F, 6.1e-5F, -5.9e-8F, 1e-9F, 1.0F / 3.0F};
  Random random(3);
  for (int exponent = -30; exponent < 15; ++exponent) {
    for (int i = 0; i < 5; ++i) {
      values.push_back(static_cast<float>(std::ldexp(2.0 * random.uniform() - 1.0, exponent)));
    }
  }
  for_each_instruction_set([&] {
    for (const std::size_t n : {std::size_t{1}, std::size_t{16}, values.size()}) {
      std::vector<Float16> halves(values.size(), Float16{0x1234});
      screen_kernels().halve(values.data(), n, halves.data());
      for (std::size_t i = 0; i < values.size(); ++i) {
        const double back = widened(&halves[i]);
        const double step = std::max(std::fabs(values[i]) * 0x1p-10, 0x1p-24);
        CHECK(i < n ? std::fabs(back - values[i]) <= step : halves[i].bits == 0x1234);
        CHECK(i >= n || i > 3 || back == values[i]);
      }
      const float huge[] = {70000.0F, -1e30F};
      screen_kernels().halve(huge, 2, halves.data());
      CHECK(halves[0].bits == 0x7c00 && halves[1].bits == 0xfc00);
    }
  });
}

TEST(values_at_least_a_limit_are_found) {
  for_each_instruction_set([] {
    std::vector<double> values;
    for (int i = 0; i < 64; ++i) {
      values.push_back(i % 9 == 0 ? -std::numeric_limits<double>::infinity() : (i * 37) % 64);
    }
    for (const std::size_t n : {0U, 1U, 15U, 16U, 17U, 63U, 64U}) {
      std::uint64_t expected = 0;
      for (std::size_t i = 0; i < n; ++i) {
        expected |= std::uint64_t{values[i] >= 31.0 ? 1U : 0U} << i;
      }
      CHECK(screen_kernels().find_at_least(values.data(), n, 31.0) == expected);
    }
  });
}

// Row by row and in blocks.
TEST(rough_distances_are_within_their_error) {
  constexpr std::size_t n_rows = 37;
  for_each_instruction_set([] {
    const RoughKernels<float>& kernels = rough_kernels<float>();
    for (const std::size_t n : adversarial::dimensions) {
      for (const auto& matrix : adversarial::matrices<float>(48, n, 9)) {
        const float* y = matrix.values.data() + 40 * n;
        std::vector<const float*> rows(n_rows);
        for (std::size_t i = 0; i < n_rows; ++i) {
          rows[i] = matrix.values.data() + i * n;
        }
        const std::vector<float> blocks = blocks_of(matrix.values, 48, n);
        for (const RoughValue value : {RoughValue::square, RoughValue::root, RoughValue::dot}) {
          const auto kind = static_cast<std::size_t>(value);
          std::vector<float> by_row(n_rows);
          std::vector<float> by_block(48);
          kernels.measure[kind](rows.data(), n_rows, y, n, by_row.data());
          kernels.measure_blocks[kind](blocks.data(), 3, y, n, by_block.data());
          for (std::size_t i = 0; i < n_rows; ++i) {
            long double exact = value == RoughValue::dot ? dot(rows[i], y, n) : 0.0L;
            for (std::size_t j = 0; j < n && value != RoughValue::dot; ++j) {
              const long double difference = static_cast<long double>(rows[i][j]) - y[j];
              exact += difference * difference;
            }
            const long double terms = value == RoughValue::dot ? dot(rows[i], y, n, true) : exact;
            if (value == RoughValue::root) {
              exact = std::sqrt(exact);
            }
            if (terms > std::numeric_limits<float>::max()) {
              continue;
            }
            const auto columns = static_cast<long double>(n);
            const long double lost = columns * 0x1p-149L;
            const long double of_rows = std::max(columns / 32 + 11, n < 16 ? columns + 4 : 0.0L);
            const auto is_close = [&](float found, long double roundings) {
              const long double error = value == RoughValue::root
                                            ? roundings * 0x1p-24L * exact + std::sqrt(lost)
                                            : roundings * 0x1p-24L * 1.001L * terms + lost;
              return std::fabs(found - exact) <= error;
            };
            CHECK(is_close(by_row[i], of_rows));
            CHECK(is_close(by_block[i], columns + 4));
          }
        }
      }
    }
  });
}

TEST(rough_distances_are_added_unless_one_is_not_finite) {
  const double lowest = -std::numeric_limits<double>::infinity();
  for_each_instruction_set([&] {
    const RoughKernels<float>& kernels = rough_kernels<float>();
    for (const std::size_t n : {1U, 15U, 16U, 17U, 63U, 64U}) {
      std::vector<float> values(n);
      std::vector<double> norms(n), sums(n), scaled(n), cosines(n);
      double largest_scaled = lowest;
      double largest_cosine = lowest;
      for (std::size_t i = 0; i < n; ++i) {
        values[i] = static_cast<float>((i * 37) % 64) / 8.0F;
        norms[i] = 1.0 + static_cast<double>(i % 5);
        sums[i] = i % 11 == 3 ? lowest : static_cast<double>(i);
        scaled[i] = sums[i] + values[i] * 1.5 + 0.25;
        const double rank = 1.0 - values[i] / (norms[i] * 2.0);
        cosines[i] = sums[i] + std::max(rank, 0.0) + 0.125 + 0.5 / (norms[i] * 2.0);
        largest_scaled = std::max(largest_scaled, scaled[i]);
        largest_cosine = std::max(largest_cosine, cosines[i]);
      }
      std::vector<double> found = sums;
      CHECK(kernels.add_scaled(values.data(), n, 1.5, 0.25, found.data()) == largest_scaled);
      CHECK(found == scaled);
      found = sums;
      const double largest = kernels.add_cosine_distances(values.data(), norms.data(), n, 2.0,
                                                          0.125, 0.5, found.data());
      CHECK(std::fabs(largest - largest_cosine) <= 1e-14 * std::fabs(largest_cosine));
      for (std::size_t i = 0; i < n; ++i) {
        CHECK(found[i] == cosines[i] || std::fabs(found[i] - cosines[i]) <= 1e-14 * cosines[i]);
      }
      for (const float bad :
           {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
        values[n / 2] = bad;
        found = sums;
        CHECK(std::isnan(kernels.add_scaled(values.data(), n, 1.5, 0.25, found.data())));
        CHECK(std::isnan(kernels.add_cosine_distances(values.data(), norms.data(), n, 2.0, 0.125,
                                                      0.5, found.data())));
        CHECK(found == sums);
      }
    }
  });
}

// Sums and gains of all pairs, and the pairs in reach, from values that are exact in float32.
TEST(pairs_are_added_to_both_sides) {
  constexpr std::size_t n_queries = 16;
  constexpr std::size_t n_points = 64;
  constexpr std::size_t n = 17;
  for_each_instruction_set([] {
    for (const bool roots : {false, true}) {
      PairValue value_of;
      value_of.kind = roots ? PairValue::Kind::root : PairValue::Kind::square;
      std::vector<float> values(n_points * n);
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(static_cast<int>(i * 7919 % 13) - 6);
      }
      std::vector<float> norms(n_points);
      std::vector<float> reaches(n_points);
      for (std::size_t p = 0; p < n_points; ++p) {
        norms[p] = static_cast<float>(dot(&values[p * n], &values[p * n], n));
        reaches[p] = roots ? 20.0F : 400.0F;
      }
      // The last query is padding.
      std::vector<float> query_norms(norms.begin(), norms.begin() + n_queries);
      query_norms.back() = -std::numeric_limits<float>::infinity();
      std::vector<float> query_reaches(reaches.begin(), reaches.begin() + n_queries);
      query_reaches.back() = -1.0F;
      std::vector<float> query_sums(n_queries * 16), query_gains(n_queries * 16);
      std::vector<float> point_sums(n_points), point_gains(n_points);
      const std::vector<float> blocks = blocks_of(values, n_points, n);
      const PairSide queries{values.data(),     query_norms.data(), query_reaches.data(),
                             query_sums.data(), query_gains.data(), n_queries};
      const PairSide points{blocks.data(),     norms.data(),       reaches.data(),
                            point_sums.data(), point_gains.data(), n_points};
      pair_kernels().add_pairs(queries, points, n, value_of);
      std::vector<PairInReach> found(n_points * n_queries);
      std::vector<std::uint32_t> n_found(n_points);
      std::vector<float> gains(n_points);
      PairSide listed = points;
      listed.gains = gains.data();
      pair_kernels().find_in_reach(queries, listed, n, value_of, found.data(), n_found.data());
      const auto value = [&](std::size_t q, std::size_t p) {
        long double square = 0.0L;
        for (std::size_t j = 0; j < n; ++j) {
          const long double difference = values[q * n + j] - values[p * n + j];
          square += difference * difference;
        }
        return roots ? std::sqrt(square) : square;
      };
      for (std::size_t p = 0; p < n_points; ++p) {
        long double sum = 0.0L;
        long double gain = 0.0L;
        std::size_t listed_pairs = 0;
        for (std::size_t q = 0; q + 1 < n_queries; ++q) {
          sum += value(q, p);
          gain += std::max(0.0L, reaches[q] - value(q, p));
          if (value(q, p) <= reaches[q]) {
            CHECK(found[p * n_queries + listed_pairs].query == q);
            CHECK(std::fabs(found[p * n_queries + listed_pairs].v - value(q, p)) < 1e-4L);
            ++listed_pairs;
          }
        }
        CHECK(n_found[p] == listed_pairs);
        CHECK(std::fabs(point_sums[p] - sum) <= 1e-5L * sum);
        CHECK(std::fabs(point_gains[p] - gain) <= 1e-5L * gain + 1e-3L);
        CHECK(std::fabs(gains[p] - gain) <= 1e-5L * gain + 1e-3L);
      }
      long double query_sum = 0.0L;
      long double expected = 0.0L;
      for (std::size_t lane = 0; lane < 16; ++lane) query_sum += query_sums[lane];
      for (std::size_t p = 0; p < n_points; ++p) expected += value(0, p);
      CHECK(std::fabs(query_sum - expected) <= 1e-5L * expected);
    }
  });
}

TEST_MAIN
