#include <algorithm>
#include <cmath>
#include <vector>

#include "check.hpp"
#include "methods/facility_location.hpp"
#include "rows/block_sum.hpp"
#include "sample_data.hpp"
#include "thinset/instruction_set.hpp"
#include "thinset/objective.hpp"

using namespace thinset;

namespace {

// As the definition reads: every candidate is measured against every row for every pick.
Picks naive(const sample::Matrix& x, std::size_t k, Metric metric) {
  Job job(1);
  const DistanceMeter<float> meter(x.rows(), metric, job);
  std::vector<double> nearest;
  Picks picks;
  while (picks.rows.size() < k) {
    std::size_t best = x.n_rows;
    double best_gain = 0.0;
    std::vector<double> best_distances;
    for (std::size_t p = 0; p < x.n_rows; ++p) {
      if (std::ranges::find(picks.rows, p) != picks.rows.end()) continue;
      Point point;
      meter.read(p, point);
      std::vector<double> distances(x.n_rows);
      BlockSum sum;
      for (std::size_t i = 0; i < x.n_rows; ++i) {
        distances[i] = meter.distance_from_rank(meter.rank(i, point));
        if (nearest.empty()) {
          sum.add(i, distances[i]);
        } else if (distances[i] < nearest[i]) {
          sum.add(i, nearest[i] - distances[i]);
        }
      }
      const double gain = nearest.empty() ? 0.0 - sum.total() : sum.total();
      if (best == x.n_rows || gain > best_gain) {
        best = p;
        best_gain = gain;
        best_distances = distances;
      }
    }
    picks.rows.push_back(best);
    picks.gains.push_back(best_gain);
    if (nearest.empty()) nearest = best_distances;
    for (std::size_t i = 0; i < x.n_rows; ++i) nearest[i] = std::min(nearest[i], best_distances[i]);
  }
  return picks;
}

Picks choose(const sample::Matrix& x, std::size_t k, Metric metric,
             std::span<const std::size_t> initial, Job& job) {
  Terms terms;
  return facility_location(x.rows(), {}, k, metric, {}, initial, terms, job);
}

}  // namespace

TEST(points_on_a_line) {
  // Summed distances are 20, 17, 16, 21 and 30; then row 3 saves 5 of its own and 5 of row 4's.
  const sample::Matrix x{5, 1, {0, 1, 2, 7, 10}};
  Job job(2);
  const Picks picks = choose(x, 5, Metric::euclidean, {}, job);
  CHECK((picks.rows == std::vector<std::size_t>{2, 3, 4, 0, 1}));
  CHECK((picks.gains == std::vector<double>{-16, 10, 3, 2, 1}));
  const std::vector<std::size_t> initial{4};
  const Picks more = choose(x, 2, Metric::euclidean, initial, job);
  CHECK((more.rows == std::vector<std::size_t>{4, 1}));
  CHECK((more.gains == std::vector<double>{-30, 25}));
}

TEST(duplicates_gain_nothing_and_come_last) {
  const sample::Matrix x{5, 1, {3, 3, 3, 0, 3}};
  Job job(3);
  const Picks picks = choose(x, 5, Metric::euclidean, {}, job);
  CHECK((picks.rows == std::vector<std::size_t>{0, 3, 1, 2, 4}));
  CHECK((picks.gains == std::vector<double>{-3, 3, 0, 0, 0}));
}

TEST(equals_the_definition_for_every_instruction_set_and_number_of_threads) {
  const sample::Matrix x = sample::uniform(1100, 19, 4);
  for (const Metric metric : {Metric::euclidean, Metric::sqeuclidean, Metric::cosine}) {
    const Picks expected = naive(x, 12, metric);
    for (const InstructionSet set : available_instruction_sets()) {
      use_instruction_set(set);
      for (const unsigned n_threads : {1U, 3U}) {
        Job job(n_threads);
        const Picks picks = choose(x, 12, metric, {}, job);
        CHECK(picks.rows == expected.rows);
        CHECK(picks.gains == expected.gains);
      }
    }
  }
}

TEST(gains_add_up_to_minus_the_cost) {
  const sample::Matrix x = sample::uniform(300, 17, 1);
  Job job(2);
  const Picks picks = choose(x, 40, Metric::euclidean, {}, job);
  double total = 0.0;
  for (const double gain : picks.gains) total += gain;
  const std::vector<std::int64_t> indices(picks.rows.begin(), picks.rows.end());
  const double cost = sum_of_nearest_distances(x.any(), indices, Metric::euclidean, job);
  CHECK(std::fabs(total + cost) <= 1e-9 * cost);
}

TEST_MAIN
