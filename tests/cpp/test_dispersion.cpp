#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "sample_data.hpp"
#include "thinset/error.hpp"
#include "thinset/max_min.hpp"
#include "thinset/max_sum.hpp"
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

TEST_MAIN
