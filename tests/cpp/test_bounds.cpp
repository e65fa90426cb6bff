// Every bound that a fast method relies on, against the exact value. See docs/algorithms.md.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "adversarial.hpp"
#include "bound_cases.hpp"
#include "bounds/centred_points.hpp"
#include "bounds/gain_bounds.hpp"
#include "bounds/image_list.hpp"
#include "bounds/pair_bounds.hpp"
#include "bounds/projection.hpp"
#include "bounds/rough_rows.hpp"
#include "bounds/rounding.hpp"
#include "bounds/sum_bounds.hpp"
#include "check.hpp"
#include "methods/bandwidth.hpp"
#include "rows/block_sum.hpp"
#include "rows/distance.hpp"
#include "rows/loss.hpp"
#include "simd/row_kernels.hpp"
#include "thinset/instruction_set.hpp"

using namespace thinset;
using namespace bound_cases;

namespace {

template <class T>
long double exact_square(const T* x, const double* y, std::size_t n) {
  long double sum = 0.0L;
  for (std::size_t j = 0; j < n; ++j) {
    const long double difference = static_cast<long double>(x[j]) - y[j];
    sum += difference * difference;
  }
  return sum;
}

template <class T>
void check_rounding_of_distances() {
  for_each_case<T>([](const auto& matrix, Metric metric) {
    Job job(1);
    const DistanceMeter<T> meter(matrix.rows(), metric, job);
    const std::size_t n = matrix.n_columns;
    const double error = rounding_error(n);
    const long double lost = static_cast<long double>(lost_to_underflow(n)) * lost_to_underflow(n);
    bool holds = true;
    Point point;
    for (std::size_t a = 0; a < 8; ++a) {
      meter.read(a, point);
      for (std::size_t b = 0; b < n_rows; ++b) {
        const T* row = meter.rows().row(b);
        const double rank = meter.rank(b, point);
        const long double square = exact_square(row, point.values.data(), n);
        if (metric != Metric::cosine) {
          holds = holds && std::fabs(rank - square) <= error * square + lost;
          continue;
        }
        long double dot = 0.0L;
        long double own = 0.0L;
        long double other = 0.0L;
        for (std::size_t j = 0; j < n; ++j) {
          dot += static_cast<long double>(row[j]) * point.values[j];
          own += static_cast<long double>(row[j]) * row[j];
          other += static_cast<long double>(point.values[j]) * point.values[j];
        }
        holds = holds && std::fabs(rank - (1.0L - dot / std::sqrt(own * other))) <= error;
      }
    }
    check_bound(holds, "rounding of ranks", matrix.name, n, metric);
  });
}

// Every point within a rank is found near, whatever the projection leaves out.
template <class T>
void check_projection(double telling_share) {
  for_each_case<T>([&](const auto& matrix, Metric metric) {
    Job job(1);
    const DistanceMeter<T> meter(matrix.rows(), metric, job);
    const Projection projection(meter, job, telling_share);
    ImageList images(projection.n_coordinates(), n_rows);
    std::vector<Projection::Image> image(n_rows);
    Point point;
    for (std::size_t row = 0; row < n_rows; ++row) {
      meter.read(row, point);
      projection.project(point, image[row]);
      images.push_back(image[row]);
    }
    bool holds = true;
    for (std::size_t row = 0; row < n_rows; ++row) {
      meter.read(row, point);
      for (std::size_t limiting = 0; limiting < n_rows; limiting += 5) {
        const double limit = std::nextafter(meter.rank(limiting, point), 1e300);
        NearSearch search;
        search.push_back(image[row], projection.limit(image[row], limit));
        images.find_near(search, 0, n_rows);
        std::vector<bool> found(n_rows, false);
        search.for_each(0, 0, [&](std::size_t number) { found[number] = true; });
        for (std::size_t other = 0; other < n_rows; ++other) {
          holds = holds && (found[other] || !(meter.rank(other, point) < limit));
        }
      }
    }
    check_bound(holds, "projection", matrix.name, matrix.n_columns, metric);
  });
}

// float32 rows: sums of losses from below, gains from above. `bandwidths` are Gaussian ones, as
// multiples of a distance in the matrix; 0 for the distance itself.
template <class T>
void check_rough_rows(double bandwidth) {
  for_each_case<T>([&](const auto& matrix, Metric metric) {
    Job job(1);
    const DistanceMeter<T> meter(matrix.rows(), metric, job);
    const double unit = std::clamp(median_distance(matrix.rows(), metric, job), 1e-60, 1e60);
    const Loss loss =
        bandwidth == 0.0 ? Loss::distance(metric) : Loss::gaussian(metric, bandwidth * unit);
    const RoughRows<T> rough(meter, loss, job);
    std::vector<std::vector<double>> distance(n_rows, std::vector<double>(n_rows));
    Point point;
    for (std::size_t a = 0; a < n_rows; ++a) {
      meter.read(a, point);
      for (std::size_t b = 0; b < n_rows; ++b) {
        distance[a][b] = loss.of_rank(meter.rank(b, point));
      }
    }
    const std::vector<double>& reach = distance[1];
    const PairSums sums = bound_all_pairs(rough, reach, job);
    std::vector<std::uint32_t> candidates(n_rows);
    std::iota(candidates.begin(), candidates.end(), 0U);
    GainBounds<T> bounds(rough, n_rows, job);
    const std::vector<GainBound>& gains = bounds.bound(candidates, reach);
    bool sums_hold = true;
    bool gains_hold = true;
    bool lists_hold = true;
    for (std::size_t p = 0; p < n_rows; ++p) {
      BlockSum sum;
      BlockSum gain;
      std::vector<bool> is_served(n_rows, false);
      for (const Served& served : gains[p].served) {
        is_served[served.row] = true;
        lists_hold = lists_hold && served.at_least <= distance[p][served.row];
      }
      for (std::size_t i = 0; i < n_rows; ++i) {
        sum.add(i, distance[p][i]);
        gain.add(i, std::max(0.0, reach[i] - distance[p][i]));
        lists_hold =
            lists_hold && (!gains[p].is_listed || is_served[i] || !(distance[p][i] < reach[i]));
      }
      sums_hold = sums_hold && sums.losses[p] <= sum.total();
      gains_hold = gains_hold && sums.gains[p] >= gain.total() && gains[p].gain >= gain.total();
    }
    check_bound(sums_hold, "sum of losses", matrix.name, matrix.n_columns, metric);
    check_bound(gains_hold, "gain", matrix.name, matrix.n_columns, metric);
    check_bound(lists_hold, "list of served rows", matrix.name, matrix.n_columns, metric);
  });
}

// Sums of distances to some points by Cauchy and Schwarz, and by the triangle inequality.
template <class T>
void check_sums() {
  for_each_case<T>([](const auto& matrix, Metric metric) {
    Job job(1);
    const DistanceMeter<T> meter(matrix.rows(), metric, job);
    std::vector<double> centre(matrix.n_columns, 0.0);
    for (std::size_t row = 0; row < n_rows; ++row) {
      Point point;
      meter.read(row, point);
      const double unit = metric == Metric::cosine ? 1.0 / point.norm : 1.0;
      for (std::size_t j = 0; j < centre.size(); ++j) {
        centre[j] += point.values[j] * unit / static_cast<double>(n_rows);
      }
    }
    const SumBounds bounds(metric);
    CentredPoints<T> points(meter, centre, n_rows);
    Point point;
    for (std::size_t row = 0; row < n_rows; ++row) {
      if (row == n_rows / 2) {
        points.close_window();
      }
      meter.read(row, point);
      points.push_back(row, point, points.radius_of(row));
    }
    const std::size_t half = n_rows / 2;
    const Totals window = points.open_window();
    const double margin = 1.0 + points.slack();
    bool by_radii = true;
    bool by_length = true;
    bool by_dot = true;
    for (std::size_t row = 0; row < n_rows; ++row) {
      meter.read(row, point);
      const double r = points.radius_of(row);
      double sum = 0.0;
      double all = 0.0;
      for (std::size_t y = 0; y < n_rows; ++y) {
        const double distance = meter.distance_from_rank(meter.rank(y, point));
        all += distance;
        sum += y < half ? 0.0 : distance;
      }
      // In the methods, the margin counts the picks before the window, too.
      const double before = (all - sum) * points.slack();
      by_radii = by_radii && bounds.from_radii(r, window) * margin + before >= sum;
      const double of_window = window.squared_radius + points.error_of_squares(half, n_rows);
      const double squares = window.n * r * r + 2.0 * r * points.length_of_window() + of_window;
      by_length = by_length && bounds.from_squares(window.n, squares) * margin + before >= sum;
      const double missed = window.n * r * r -
                            2.0 * (points.centred_dot(row, points.now()) -
                                   points.centred_dot(row, points.before_window())) +
                            window.squared_radius;
      const double error = 16.0 * points.error_of_dot(r) + points.error_of_squares(half, n_rows) +
                           points.slack() * std::fabs(missed);
      by_dot = by_dot && bounds.from_squares(window.n, missed + error) * margin + before >= sum;
    }
    check_bound(by_radii, "sum by radii", matrix.name, matrix.n_columns, metric);
    check_bound(by_length, "sum by length", matrix.name, matrix.n_columns, metric);
    check_bound(by_dot, "sum by dot products", matrix.name, matrix.n_columns, metric);
  });
}

}  // namespace

TEST(rounding_error_covers_ranks) {
  check_rounding_of_distances<float>();
  check_rounding_of_distances<double>();
}

TEST(projections_never_exclude_a_row_that_is_near) {
  for_each_instruction_set([] {
    for (const double telling_share : {0.0, 0.8, Projection::all_coordinates}) {
      check_projection<float>(telling_share);
      check_projection<double>(telling_share);
    }
  });
}

TEST(exponentials_are_within_their_error_and_reproducible) {
  CHECK(exp_of_minus(0.0) == 1.0);
  CHECK(exp_of_minus(708.5) == 0.0);
  CHECK(exp_of_minus(std::numeric_limits<double>::infinity()) == 0.0);
  bool holds = true;
  for (int i = 0; i < 400000; ++i) {
    const double x = i < 200000 ? 708.0 * i / 199999.0 : std::ldexp(1.0 + i % 977 / 977.0, -i % 60);
    const long double exact = std::exp(-static_cast<long double>(x));
    const long double error = std::fabs(static_cast<long double>(exp_of_minus(x)) - exact);
    holds = holds && error <= 4.0L * 0x1p-53L * exact && exp_of_minus(x) <= 1.0;
  }
  CHECK(holds);
  CHECK(exp_of_minus(1.0) == 0x1.78b56362cef38p-2);
  CHECK(exp_of_minus(300.5) == 0x1.629f5b5352a54p-434);
}

TEST(float32_rows_bound_sums_and_gains) {
  for_each_instruction_set([] {
    for (const double bandwidth : {0.0, 0.02, 0.3, 1.0, 30.0}) {
      check_rough_rows<float>(bandwidth);
      check_rough_rows<double>(bandwidth);
    }
  });
}

TEST(sums_of_distances_are_below_their_bounds) {
  check_sums<float>();
  check_sums<double>();
}

// A sum over far points swallows the radii of near ones that follow.
TEST(sums_over_near_points_after_far_ones_are_below_their_bounds) {
  constexpr std::size_t n_far = 1000;
  constexpr std::size_t n_near = 16;
  std::vector<double> values;
  for (std::size_t i = 0; i < n_far + n_near; ++i) {
    const double length = i < n_far ? 1.0 : 1e-9 * static_cast<double>(1 + i / 2 % 7);
    values.push_back(i % 2 == 0 ? length : -length);
  }
  const Rows<double> rows(values.data(), values.size(), 1, 1);
  Job job(1);
  const DistanceMeter<double> meter(rows, Metric::euclidean, job);
  CentredPoints<double> points(meter, {0.0}, values.size());
  Point point;
  for (std::size_t row = 0; row < values.size(); ++row) {
    if (row == n_far) {
      points.close_window();
    }
    meter.read(row, point);
    points.push_back(row, point, points.radius_of(row));
  }
  const SumBounds bounds(Metric::euclidean);
  const Totals window = points.open_window();
  for (std::size_t row = n_far; row < values.size(); ++row) {
    double sum = 0.0;
    for (std::size_t y = n_far; y < values.size(); ++y) {
      sum += std::fabs(values[row] - values[y]);
    }
    const double r = points.radius_of(row);
    const double squares = window.n * r * r - 2.0 * points.centred_dot(row, points.now()) +
                           2.0 * points.centred_dot(row, points.before_window()) +
                           window.squared_radius + 16.0 * points.error_of_dot(r) +
                           points.error_of_squares(n_far, values.size());
    CHECK(bounds.from_squares(window.n, squares) * (1.0 + points.slack()) >= sum);
  }
}

// Dot products stay bounds where the centre moves to points that lie close together, far from the
// old centre.
TEST(moving_the_centre_keeps_dot_products_large_enough) {
  for (const double offset : {0.0, 1e3, 1e9}) {
    std::vector<double> values;
    constexpr std::size_t n_columns = 17;
    constexpr std::size_t n = 64;
    Random random(5);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n_columns; ++j) {
        const double spread = i < n / 2 ? 1e-9 : 1.0;
        values.push_back(offset + static_cast<double>(j) + spread * random.uniform());
      }
    }
    const Rows<double> rows(values.data(), n, n_columns, n_columns);
    Job job(1);
    const DistanceMeter<double> meter(rows, Metric::euclidean, job);
    std::vector<double> centre(n_columns, offset);
    CentredPoints<double> points(meter, centre, n);
    Point point;
    for (std::size_t row = 0; row < n / 2; ++row) {
      meter.read(row, point);
      points.push_back(row, point, points.radius_of(row));
    }
    const CentreShift shift = points.shift_to_mean();
    // Seen: the first quarter. Missed: the second.
    std::vector<double> dots;
    CentredPoints<double> seen(meter, centre, n);
    for (std::size_t row = 0; row < n / 4; ++row) {
      meter.read(row, point);
      seen.push_back(row, point, seen.radius_of(row));
    }
    for (std::size_t row = 0; row < n; ++row) {
      const double x = points.centred_dot(row, shift.vector, shift.centre_dot);
      dots.push_back(seen.centred_dot(row, seen.now()) +
                     static_cast<double>(n / 4) * (shift.square - x) - shift.along[n / 4] +
                     points.error_of_moved_dot(points.radius_of(row), shift));
    }
    points.move_centre(shift);
    for (std::size_t row = 0; row < n / 2; ++row) {
      points.count(points.radius_of(row));
    }
    bool holds = true;
    for (std::size_t row = 0; row < n; ++row) {
      meter.read(row, point);
      double squares = 0.0;
      for (std::size_t y = n / 4; y < n / 2; ++y) {
        squares += meter.rank(y, point);
      }
      const double r = points.radius_of(row);
      const Totals missed = points.totals(n / 4, n / 2);
      const double value = missed.n * r * r -
                           2.0 * (points.centred_dot(row, points.now()) - dots[row]) +
                           missed.squared_radius;
      const double bound = value + 16.0 * points.error_of_dot(r) +
                           points.error_of_squares(n / 4, n / 2) +
                           points.slack() * std::fabs(value);
      holds = holds && bound >= squares * (1.0 - points.slack());
    }
    check_bound(holds, "dot products after a move of the centre",
                "offset " + std::to_string(offset), n_columns, Metric::euclidean);
  }
}

TEST_MAIN
