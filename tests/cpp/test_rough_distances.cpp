// Distances measured in float32, or on copies in half precision, against the exact ones. See
// docs/algorithms.md.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "adversarial.hpp"
#include "bound_cases.hpp"
#include "bounds/rough_blocks.hpp"
#include "bounds/rough_distance.hpp"
#include "bounds/sum_bounds.hpp"
#include "check.hpp"
#include "rows/distance.hpp"
#include "sample_data.hpp"
#include "thinset/instruction_set.hpp"

using namespace thinset;
using namespace bound_cases;

namespace {

// is_beyond() says so only of ranks that are above the limit.
template <class T>
void check_rough_distances() {
  for_each_case<T>([](const auto& matrix, Metric metric) {
    Job job(1);
    const DistanceMeter<T> meter(matrix.rows(), metric, job);
    bool holds = true;
    Point point;
    for (std::size_t a = 0; a < n_rows; ++a) {
      meter.read(a, point);
      for (std::size_t b = 0; b < n_rows; ++b) {
        const double rank = meter.rank(b, point);
        for (const double limit : {rank, std::nextafter(rank, 1e300), rank * 1.001}) {
          holds = holds && !meter.is_beyond(meter.rows().row(b), point, limit);
        }
      }
    }
    check_bound(holds, "rough squared distance", matrix.name, matrix.n_columns, metric);
  });
}

// Whether measured distances of the first rows to a point are on their side of the exact ones, each
// and in sum, and whether the sum is near to theirs.
struct Sides {
  bool hold = true;
  bool are_tight = true;

  void look_at(const DistanceMeter<float>& meter, const RoughDistances<float>& rough,
               const Point& point, std::span<const float> values) {
    const SumBounds bounds(meter.metric());
    double sum = 0.0;
    double rough_sum = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double rank = meter.rank(i, point);
      const RoughDistance distance =
          rough.bounds_of(values[i], meter.rows().row(i), meter.norm(i), point);
      sum += meter.distance_from_rank(rank);
      rough_sum += distance.at_most;
      hold = hold && distance.at_most >= meter.distance_from_rank(rank) &&
             distance.square_at_least <= bounds.square_of(rank);
    }
    hold = hold && rough_sum >= sum;
    are_tight = are_tight && rough_sum <= sum * (1.0 + 1e-4) + 1e-4;
  }
};

// Every point alone, and with three others.
void check_rough_sums() {
  for_each_case<float>([](const auto& matrix, Metric metric) {
    Job job(1);
    const DistanceMeter<float> meter(matrix.rows(), metric, job);
    const RoughDistances<float> rough(meter);
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < n_rows; ++i) {
      rows.push_back(meter.rows().row(i));
    }
    Sides sides;
    for (std::size_t a = 0; a < n_rows; ++a) {
      // Not a multiple of the number of lanes.
      const std::size_t n = n_rows - a % 16;
      std::array<Point, points_together> points;
      std::array<const float*, points_together> floats;
      std::array<std::vector<float>, points_together> values;
      std::array<float*, points_together> outs;
      for (std::size_t p = 0; p < points_together; ++p) {
        meter.read((a + 7 * p) % n_rows, points[p]);
        floats[p] = points[p].floats.data();
        values[p].resize(n);
        outs[p] = values[p].data();
      }
      rough.measure_rows(rows.data(), n, points[0], outs[0]);
      sides.look_at(meter, rough, points[0], values[0]);
      rough.measure_together(rows.data(), n, floats.data(), outs.data());
      for (std::size_t p = 0; p < points_together; ++p) {
        sides.look_at(meter, rough, points[p], values[p]);
      }
    }
    check_bound(rough.is_usable() && sides.hold, "rough distances", matrix.name, matrix.n_columns,
                metric);
    if (matrix.name == "uniform") {
      check_bound(sides.are_tight, "tight rough distances", matrix.name, matrix.n_columns, metric);
    }
  });
}

}  // namespace

TEST(rough_distances_never_exclude_a_row_that_is_near) {
  for_each_instruction_set([] { check_rough_distances<float>(); });
}

TEST(rough_distances_are_on_their_side_of_the_exact_ones) {
  for_each_instruction_set(check_rough_sums);
}

TEST(rough_distances_that_overflow_are_measured_exactly) {
  for_each_instruction_set([] {
    for (const std::size_t n : {std::size_t{3}, std::size_t{40}}) {
      for (const Metric metric : adversarial::metrics) {
        std::vector<float> values(2 * n, 3e38F);
        for (std::size_t j = 0; j < n; j += 2) {
          values[n + j] = -3e38F;
        }
        Job job(1);
        const DistanceMeter<float> meter(Rows<float>(values.data(), 2, n, n), metric, job);
        const RoughDistances<float> rough(meter);
        Point point;
        meter.read(0, point);
        const float* row = values.data() + n;
        float value = 0.0F;
        rough.measure_rows(&row, 1, point, &value);
        const RoughDistance distance = rough.bounds_of(value, row, meter.norm(1), point);
        const double exact = meter.distance_from_rank(meter.rank(1, point));
        CHECK(distance.at_most >= exact && distance.at_most <= exact * 1.001);
        CHECK(distance.square_at_least <= exact);
      }
    }
  });
}

// As they are at first, then in half precision, where the processor can, then as they are again.
TEST(sums_over_rows_in_half_precision_are_on_their_side_of_the_exact_ones) {
  constexpr std::size_t n_columns = 500;
  sample::Matrix x = sample::uniform(2200, n_columns, 5);
  for (std::size_t j = 0; j < n_columns; ++j) x.values[70 * n_columns + j] *= 1e-6F;
  for_each_instruction_set([&] {
    for (const Metric metric : adversarial::metrics) {
      Job job(2);
      const DistanceMeter<float> meter(x.rows(), metric, job);
      const RoughDistances<float> rough(meter);
      RoughBlocks<float> blocks(meter, rough);
      const auto check = [&](bool is_halved) {
        Point point;
        meter.read(9, point);
        std::vector<float> values(points_per_group);
        for (std::size_t begin = 0; begin < x.n_rows; begin += points_per_group) {
          const std::size_t n = std::min(points_per_group, x.n_rows - begin);
          const double off = blocks.error(begin, begin + n);
          CHECK((off > 0.0) == is_halved);
          std::vector<float> together(points_together * points_per_group);
          std::array<const float*, points_together> points;
          std::array<float*, points_together> outs;
          for (std::size_t p = 0; p < points_together; ++p) {
            points[p] = point.floats.data();
            outs[p] = together.data() + p * points_per_group;
          }
          blocks.measure(begin, begin + n, point, values.data());
          blocks.measure_together(begin, begin + n, points.data(), outs.data());
          for (const float* measured : {values.data(), outs.front(), outs.back()}) {
            std::vector<double> sums(n, 0.0);
            const double largest = rough.add(measured, begin, n, point, off, sums.data());
            CHECK(largest == *std::ranges::max_element(sums));
            for (std::size_t i = 0; i < n; ++i) {
              const double exact = meter.distance_from_rank(meter.rank(begin + i, point));
              CHECK(sums[i] >= exact);
              // The point itself, and a row of norm 1e-5, have errors of larger ones.
              CHECK(begin + i == 9 || begin + i == 70 || sums[i] <= exact + 4e-3 * (1.0 + exact));
            }
          }
        }
      };
      blocks.fill(false, job);
      check(false);
      blocks.fill(true, job);
      check(current_instruction_set() != InstructionSet::plain);
      blocks.forget_halves();
      check(false);
      blocks.fill(true, job);  // they were of no use
      check(false);
    }
  });
}

// Rows that differ by less than half precision tells apart, or that it cannot hold.
TEST(rows_are_not_kept_in_half_precision_where_that_is_too_coarse) {
  for (const auto& [scale, offset] : {std::pair{1.0F, 3000.0F}, std::pair{1e-9F, 0.0F},
                                      std::pair{1e6F, 0.0F}, std::pair{0.0F, 1.0F}}) {
    sample::Matrix x = sample::uniform(2200, 500, 5);
    for (float& value : x.values) value = value * scale + offset;
    Job job(1);
    const DistanceMeter<float> meter(x.rows(), Metric::euclidean, job);
    const RoughDistances<float> rough(meter);
    RoughBlocks<float> blocks(meter, rough);
    blocks.fill(true, job);
    CHECK(blocks.error(0, points_per_group) == 0.0);
  }
}

TEST_MAIN
