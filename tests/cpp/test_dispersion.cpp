#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "adversarial.hpp"
#include "check.hpp"
#include "methods/exact_order.hpp"
#include "methods/max_min.hpp"
#include "methods/max_sum.hpp"
#include "sample_data.hpp"
#include "thinset/error.hpp"
#include "thinset/objective.hpp"

using namespace thinset;

TEST(points_on_a_line) {
  // The mean is 4; row 4 is furthest from it, then row 0 is furthest from row 4.
  const sample::Matrix x{5, 1, {0, 1, 2, 7, 10}};
  Job job(2);
  const Picks sum =
      max_sum(x.rows(), summarise_columns(x.rows(), job), 3, Metric::euclidean, {}, job);
  CHECK((sum.rows == std::vector<std::size_t>{4, 0, 1}));
  CHECK((sum.gains == std::vector<double>{0, 10, 10}));
  const Picks min =
      max_min(x.rows(), summarise_columns(x.rows(), job), 5, Metric::euclidean, {}, job);
  CHECK((min.rows == std::vector<std::size_t>{4, 0, 3, 2, 1}));
  CHECK((min.gains == std::vector<double>{std::numeric_limits<double>::infinity(), 10, 3, 2, 1}));
}

TEST(duplicates_are_taken_last_and_once) {
  const sample::Matrix x{4, 1, {3, 3, 3, 0}};
  Job job(3);
  CHECK((max_min(x.rows(), summarise_columns(x.rows(), job), 4, Metric::euclidean, {}, job).rows ==
         std::vector<std::size_t>{3, 0, 1, 2}));
}

TEST(gains_of_max_sum_add_up_to_the_objective) {
  const sample::Matrix x = sample::uniform(200, 17, 1);
  for (const Metric metric : {Metric::euclidean, Metric::sqeuclidean, Metric::cosine}) {
    Job job(2);
    const Picks picks = max_sum(x.rows(), summarise_columns(x.rows(), job), 30, metric, {}, job);
    double total = 0.0;
    for (const double gain : picks.gains) total += gain;
    const std::vector<std::int64_t> indices(picks.rows.begin(), picks.rows.end());
    const double sum = sum_of_pairwise_distances(x.any(), indices, metric, job);
    CHECK(std::fabs(total - sum) <= 1e-12 * sum);
  }
}

// Compares every row exactly with the best so far.
template <class T>
std::size_t exactly_furthest_from_mean(const DistanceMeter<T>& meter, Job& job) {
  const ColumnSummary summary = summarise_columns(meter.rows(), job);
  const ExactOrder order(meter.metric(), summary.sums, meter.rows().size());
  std::size_t best = 0;
  ExactOrder::Key key_of_best;
  Point point;
  for (std::size_t i = 0; i < meter.rows().size(); ++i) {
    meter.read(i, point);
    ExactOrder::Key key = order.key(point.values, 1.0);
    if (i == 0 || order.is_further(key, key_of_best)) {
      best = i;
      key_of_best = std::move(key);
    }
  }
  return best;
}

// Measures every row against every pick, as the definitions say.
template <class T, class Update>
Picks by_definition(const Rows<T>& rows, std::size_t k, Metric metric, double first,
                    bool takes_root, const Update& update,
                    const std::vector<std::size_t>& initial = {}) {
  Job job(1);
  const DistanceMeter<T> meter(rows, metric, job);
  std::vector<double> scores(rows.size(), first);
  std::vector<bool> taken(rows.size(), false);
  std::size_t next = exactly_furthest_from_mean(meter, job);
  Picks picks;
  Point point;
  while (picks.rows.size() < k) {
    if (picks.rows.size() < initial.size()) {
      next = initial[picks.rows.size()];
    }
    const double score = scores[next];
    picks.rows.push_back(next);
    picks.gains.push_back(takes_root ? meter.distance_from_rank(score) : score);
    taken[next] = true;
    meter.read(next, point);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      scores[i] = update(scores[i], meter.rank(i, point));
    }
    next = scores.size();
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (!taken[i] && (next == scores.size() || scores[i] > scores[next])) {
        next = i;
      }
    }
  }
  return picks;
}

TEST(exact_numbers_add_and_multiply) {
  const ExactNumber third(std::ldexp(1.0, -1070));
  const ExactNumber huge(1e300);
  CHECK((huge + third - huge - third).sign() == 0);
  CHECK((huge + third - huge).sign() == 1 && (huge - third - huge).sign() == -1);
  CHECK(((huge + third) * (huge - third) - huge * huge + third * third).sign() == 0);
  CHECK((ExactNumber(-3.5) * ExactNumber(2.0) + ExactNumber(std::uint64_t{7})).sign() == 0);
  CHECK((ExactNumber(std::uint64_t{0xffffffffffffffff}) - ExactNumber(0x1p64)).sign() == -1);
  // 3 - 2 root(2) > 0 > 7 - 5 root(2), and 6 - 3 root(4) = 0.
  const auto sign = [](double a, double b, double c) {
    return sign_with_root(ExactNumber(a), ExactNumber(b), ExactNumber(c));
  };
  CHECK(sign(3, -2, 2) == 1 && sign(7, -5, 2) == -1 && sign(6, -3, 4) == 0);
  CHECK(sign(-3, 2, 2) == -1 && sign(0, -1, 2) == -1 && sign(-1, 5, 0) == -1);
}

TEST(bounds_and_screens_change_nothing) {
  constexpr std::size_t k = 300;
  for (const std::size_t n_columns : {7, 40, 100}) {
    const sample::Matrix x = sample::uniform(1500, n_columns, n_columns);
    for (const Metric metric : {Metric::euclidean, Metric::sqeuclidean, Metric::cosine}) {
      Job job(3);
      const ColumnSummary summary = summarise_columns(x.rows(), job);
      const Picks min = max_min(x.rows(), summary, k, metric, {}, job);
      const Picks naive_min =
          by_definition(x.rows(), k, metric, std::numeric_limits<double>::infinity(), true,
                        [](double score, double rank) { return std::min(score, rank); });
      CHECK(min.rows == naive_min.rows);
      CHECK(min.gains == naive_min.gains);
      const Picks sum = max_sum(x.rows(), summary, k, metric, {}, job);
      const Picks naive_sum =
          by_definition(x.rows(), k, metric, 0.0, false, [metric](double score, double rank) {
            return score + (metric == Metric::euclidean ? std::sqrt(rank) : rank);
          });
      CHECK(sum.rows == naive_sum.rows);
      CHECK(sum.gains == naive_sum.gains);
    }
  }
}

namespace {

template <class T>
void check_both_methods(const std::string& name, const Rows<T>& rows, std::size_t k, Metric metric,
                        const std::vector<std::size_t>& initial) {
  Job job(1);
  const ColumnSummary summary = summarise_columns(rows, job);
  const Picks min = max_min(rows, summary, k, metric, initial, job);
  const Picks naive_min = by_definition(
      rows, k, metric, std::numeric_limits<double>::infinity(), true,
      [](double score, double rank) { return std::min(score, rank); }, initial);
  const Picks sum = max_sum(rows, summary, k, metric, initial, job);
  const Picks naive_sum = by_definition(
      rows, k, metric, 0.0, false,
      [metric](double score, double rank) {
        return score + (metric == Metric::euclidean ? std::sqrt(rank) : rank);
      },
      initial);
  const std::string what = name + ", " + std::string(to_string(metric)) + ", " +
                           std::to_string(rows.n_columns()) + " columns";
  check::expect(min.rows == naive_min.rows, ("max_min: " + what).c_str(), __FILE__, __LINE__);
  check::expect(sum.rows == naive_sum.rows, ("max_sum: " + what).c_str(), __FILE__, __LINE__);
  check::expect(sum.gains == naive_sum.gains, ("gains: " + what).c_str(), __FILE__, __LINE__);
}

template <class T>
void check_adversarial_data() {
  constexpr std::size_t n_rows = 160;
  std::vector<std::size_t> initial(40);
  std::iota(initial.begin(), initial.end(), n_rows - 40);
  for (const std::size_t n_columns : {1, 4, 17, 100}) {
    for (const auto& matrix : adversarial::matrices<T>(n_rows, n_columns, 9)) {
      for (const Metric metric : adversarial::metrics) {
        check_both_methods(matrix.name, matrix.rows(), 100, metric, {});
        check_both_methods(matrix.name + " with initial rows", matrix.rows(), 100, metric, initial);
      }
    }
  }
}

}  // namespace

TEST(adversarial_data_change_nothing) {
  check_adversarial_data<float>();
  check_adversarial_data<double>();
}

// float32 rounds squares near 1e-44 up.
TEST(tiny_differences_in_float32_are_not_screened_wrongly) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    sample::Matrix x = sample::uniform(300, 4, seed);
    for (float& value : x.values) {
      value *= 1e-22F;
    }
    check_both_methods("1e-22", x.rows(), 60, Metric::euclidean, {});
  }
}

// Sums over far rows, which come first, have errors as large as the distances inside the cluster.
TEST(a_cluster_between_opposite_rows_is_told_apart) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    Random random(seed);
    std::vector<double> values;
    for (std::size_t pair = 0; pair < 500; ++pair) {
      double point[3];
      for (double& value : point) {
        value = pair < 300 ? static_cast<double>(random.below(17)) / 8.0 - 1.0
                           : 1e-9 * (2.0 * random.uniform() - 1.0);
      }
      values.insert(values.end(), {point[0], point[1], point[2], -point[0], -point[1], -point[2]});
    }
    const Rows<double> rows(values.data(), 1000, 3, 3);
    check_both_methods("cluster", rows, 900, Metric::euclidean, {});
  }
}

// The centre moves to the initial rows, far from where it was.
TEST(initial_rows_close_together_far_from_the_others_change_nothing) {
  for (const double offset : {1e3, 1e6, 1e9}) {
    Random random(11);
    std::vector<double> values;
    for (std::size_t i = 0; i < 600; ++i) {
      for (std::size_t j = 0; j < 8; ++j) {
        const double spread = i < 64 ? 1e-9 : 1.0;
        values.push_back(offset + (i < 64 ? 2.0 : 0.0) + spread * random.uniform());
      }
    }
    std::vector<std::size_t> initial(64);
    std::iota(initial.begin(), initial.end(), std::size_t{0});
    const Rows<double> rows(values.data(), 600, 8, 8);
    check_both_methods("offset " + std::to_string(offset), rows, 300, Metric::euclidean, initial);
    check_both_methods("offset " + std::to_string(offset), rows, 300, Metric::sqeuclidean, initial);
  }
}

TEST(cosine_refuses_rows_without_direction) {
  sample::Matrix x = sample::uniform(10, 3, 2);
  for (std::size_t j = 0; j < 3; ++j) x.values[6 * 3 + j] = 0.0F;
  Job job(2);
  CHECK(check::contains(check::message_of<InvalidInput>([&] {
                          max_sum(x.rows(), summarise_columns(x.rows(), job), 3, Metric::cosine, {},
                                  job);
                        }),
                        "row 6 is all zeros"));
}

TEST(cosine_refuses_rows_whose_norms_have_no_square) {
  std::vector<double> values(30, 1.0);
  const auto message_with = [&](double value) {
    for (std::size_t j = 0; j < 3; ++j) values[6 * 3 + j] = value;
    Job job(2);
    const Rows<double> rows(values.data(), 10, 3, 3);
    return check::message_of<InvalidInput>(
        [&] { DistanceMeter<double>(rows, Metric::cosine, job); });
  };
  CHECK(check::contains(message_with(1e-300),
                        "row 6 has no value beyond +-1e-300; multiply the row "
                        "by 1e300, which does not change"));
  CHECK(check::contains(message_with(5e-324), "multiply the row by 1e300"));
  CHECK(check::contains(message_with(-1e200), "row 6 holds +-1e+200; divide the row by 1e200"));
  CHECK(check::contains(message_with(0.0), "row 6 is all zeros"));
}

TEST(distances_whose_squares_leave_float64_are_scaled) {
  Job job(2);
  for (const double scale : {5e-324, 1e-300, 1e-170, 1e-161, 1e-150, 1.0, 1e150, 1e170, 1e300}) {
    const std::vector<double> values{0.0, 0.0, 3.0 * scale, 4.0 * scale, 3.0 * scale, 4.0 * scale};
    const Rows<double> rows(values.data(), 3, 2, 2);
    const DistanceMeter<double> meter(rows, Metric::euclidean, job);
    Point point;
    meter.read(1, point);
    CHECK(std::fabs(meter.distance(0, point) / (5.0 * scale) - 1.0) < 1e-15);
    CHECK(meter.distance(2, point) == 0.0);
  }
}

TEST_MAIN
