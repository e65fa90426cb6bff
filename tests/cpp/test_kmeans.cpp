#include <numeric>
#include <set>
#include <vector>

#include "check.hpp"
#include "methods/kmeans.hpp"
#include "sample_data.hpp"

using namespace thinset;

TEST(well_separated_clusters_give_a_row_each) {
  sample::Matrix x{90, 2, {}};
  for (int i = 0; i < 90; ++i) {
    const float jitter = 0.01F * static_cast<float>(i / 3);
    x.values.push_back(100.0F * static_cast<float>(i % 3) + jitter);
    x.values.push_back(-jitter);
  }
  Random random(1);
  Job job(2);
  const Picks picks = kmeans(x.rows(), 3, {}, random, job);
  std::set<std::size_t> clusters;
  for (const std::size_t row : picks.rows) clusters.insert(row % 3);
  CHECK(clusters.size() == 3);
  CHECK((picks.gains == std::vector<double>{30, 30, 30}));
}

TEST(duplicates_leave_no_cluster_empty) {
  const sample::Matrix x{6, 1, {1, 1, 1, 1, 1, 2}};
  for (std::size_t k = 1; k <= 6; ++k) {
    Random random(k);
    Job job(1);
    const Picks picks = kmeans(x.rows(), k, {}, random, job);
    CHECK(std::set<std::size_t>(picks.rows.begin(), picks.rows.end()).size() == k);
    CHECK(std::accumulate(picks.gains.begin(), picks.gains.end(), 0.0) == 6.0);
  }
}

TEST(the_same_for_every_number_of_threads) {
  const sample::Matrix x = sample::uniform(1500, 19, 5);
  std::vector<std::size_t> expected;
  for (const unsigned n_threads : {1U, 2U, 3U, 8U}) {
    Random random(7);
    Job job(n_threads);
    const Picks picks = kmeans(x.rows(), 40, {}, random, job);
    if (expected.empty()) expected = picks.rows;
    CHECK(picks.rows == expected);
  }
}

TEST_MAIN
