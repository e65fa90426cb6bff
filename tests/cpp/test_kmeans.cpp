#include <numeric>
#include <set>
#include <vector>

#include "check.hpp"
#include "methods/kmeans.hpp"
#include "methods/nearest_centre.hpp"
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

// Whatever rules centres out: directions, rows as they are, or nothing.
TEST(nearest_centres_are_those_of_all_pairs) {
  constexpr std::size_t n_rows = 80;
  struct Moved {
    float scale, shift;
  };
  for (const Moved moved : {Moved{1, 0}, Moved{1, 3000}, Moved{1e-20F, 0}, Moved{1e-30F, 0},
                            Moved{1e16F, 0}, Moved{1e30F, 0}}) {
    for (const std::size_t n_columns : {1U, 15U, 16U, 37U, 80U}) {
      for (const std::size_t k : {1U, 31U, 32U, 65U}) {
        sample::Matrix x = sample::uniform(n_rows, n_columns, n_columns + k);
        for (float& value : x.values) value = (value + moved.shift) * moved.scale;
        // Means of two rows; some are equal, and some are rows.
        std::vector<double> centres;
        for (std::size_t c = 0; c < k; ++c) {
          const std::size_t one = c % 29;
          const std::size_t other = c % 3 == 0 ? one : c % 17;
          for (std::size_t j = 0; j < n_columns; ++j) {
            centres.push_back(0.5 * static_cast<double>(x.values[one * n_columns + j]) +
                              0.5 * static_cast<double>(x.values[other * n_columns + j]));
          }
        }
        Job job(1);
        const DistanceMeter<float> meter(x.rows(), Metric::sqeuclidean, job);
        NearestCentre<float> nearest(meter, centres, job);
        nearest.take_in_centres(job);
        const auto square = [&](std::size_t row, std::size_t c) {
          return row_kernels<float>().squared_distance(x.values.data() + row * n_columns,
                                                       centres.data() + c * n_columns, n_columns);
        };
        std::vector<NearestCentre<float>::Found> found;
        for (std::size_t row = 0; row < n_rows; ++row) {
          found.push_back({row % k, square(row, row % k)});
        }
        nearest.find(0, found, 0);
        for (std::size_t row = 0; row < n_rows; ++row) {
          std::size_t best = 0;
          for (std::size_t c = 1; c < k; ++c) {
            if (square(row, c) < square(row, best)) best = c;
          }
          CHECK(found[row].centre == best);
          CHECK(found[row].squared_distance == square(row, best));
        }
      }
    }
  }
}

TEST_MAIN
