#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "adversarial.hpp"
#include "check.hpp"
#include "methods/kmeans.hpp"
#include "methods/nearby_centres.hpp"
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

namespace {

// Means of two rows each; some are equal, some are rows, and from one round to the next some stay.
std::vector<double> centres_among(const sample::Matrix& x, std::size_t k, std::size_t round) {
  std::vector<double> centres;
  for (std::size_t c = 0; c < k; ++c) {
    const std::size_t moved = c % 5 == 0 ? 0 : round;
    const std::size_t one = (c + 7 * moved) % 29;
    const std::size_t other = c % 3 == 0 ? one : (c + 3 * moved) % 17;
    for (std::size_t j = 0; j < x.n_columns; ++j) {
      centres.push_back(0.5 * static_cast<double>(x.values[one * x.n_columns + j]) +
                        0.5 * static_cast<double>(x.values[other * x.n_columns + j]));
    }
  }
  return centres;
}

// The nearest to all rows of the centres of each round in turn.
template <class T>
void check_nearest_centres(const Rows<T>& rows, const sample::Matrix& x, std::size_t k,
                           const std::vector<std::vector<double>>& rounds) {
  Job job(1);
  const DistanceMeter<T> meter(rows, Metric::sqeuclidean, job);
  std::vector<double> centres = rounds[0];
  NearestCentre<T> nearest(meter, centres, job);
  const auto square = [&](std::size_t row, std::size_t c) {
    return row_kernels<T>().squared_distance(rows.row(row), centres.data() + c * x.n_columns,
                                             x.n_columns);
  };
  std::vector<std::size_t> cluster;
  for (std::size_t row = 0; row < x.n_rows; ++row) cluster.push_back(row % k);
  for (std::size_t round = 0; round < rounds.size(); ++round) {
    centres = rounds[round];
    nearest.take_in_centres(job);
    // As when an empty cluster takes rows: the nearest of their other centres.
    for (std::size_t row = round; k > 1 && row < x.n_rows; row += 7) {
      const std::size_t own = cluster[row];
      std::size_t other = own == 0 ? 1 : 0;
      for (std::size_t c = 0; c < k; ++c) {
        if (c != own && square(row, c) < square(row, other)) other = c;
      }
      cluster[row] = other;
      nearest.forget(row);
    }
    for (std::size_t begin = 0; begin < x.n_rows; begin += NearestCentre<T>::rows_at_once) {
      const std::size_t end = std::min(x.n_rows, begin + NearestCentre<T>::rows_at_once);
      std::vector<typename NearestCentre<T>::Found> found;
      for (std::size_t row = begin; row < end; ++row) {
        found.push_back({cluster[row], square(row, cluster[row])});
      }
      nearest.find(begin, found, 0);
      for (std::size_t row = begin; row < end; ++row) {
        std::size_t best = 0;
        for (std::size_t c = 1; c < k; ++c) {
          if (square(row, c) < square(row, best)) best = c;
        }
        CHECK(found[row - begin].centre == best);
        CHECK(found[row - begin].squared_distance == square(row, best));
        cluster[row] = best;
      }
    }
  }
}

}  // namespace

// Whatever rules centres out: directions, rows as they are, bounds, or nothing.
TEST(nearest_centres_are_those_of_all_pairs) {
  struct Moved {
    float scale, shift;
  };
  for (const Moved moved : {Moved{1, 0}, Moved{1, 3000}, Moved{1e-20F, 0}, Moved{1e-30F, 0},
                            Moved{1e16F, 0}, Moved{1e30F, 0}}) {
    for (const std::size_t n_columns : {1U, 15U, 16U, 37U, 80U}) {
      for (const std::size_t k : {1U, 17U, 31U, 32U, 65U, 90U}) {
        sample::Matrix x = sample::uniform(80, n_columns, n_columns + k);
        for (float& value : x.values) value = (value + moved.shift) * moved.scale;
        std::vector<std::vector<double>> rounds;
        for (const std::size_t round : {0U, 1U, 2U, 3U}) {
          rounds.push_back(centres_among(x, k, round));
        }
        check_nearest_centres(x.rows(), x, k, rounds);
      }
    }
  }
}

// Two numbers of bfloat16 leave most out of `lossy`, always to one side, and nothing of 1. So the
// first centre, which is a little further away, has the smaller value on a matrix unit.
TEST(nearest_centres_are_found_where_tiles_lose_most) {
  constexpr float lossy = 1.0F + 0x1p-8F - 0x1p-15F + 0x1p-16F - 0x1p-23F;
  constexpr std::size_t n_columns = 32;
  constexpr std::size_t k = 16;
  sample::Matrix x{64, n_columns, std::vector<float>(64 * n_columns, lossy)};
  std::vector<double> centres(k * n_columns, 3.0);
  std::fill_n(centres.begin(), n_columns, 1.0);
  std::fill_n(centres.begin() + n_columns, n_columns, lossy);
  centres[0] = lossy + 0.4466;
  centres[n_columns + 1] += 0.447;
  check_nearest_centres(x.rows(), x, k, {centres});
}

// Bounds must not outlive the moves of centres that settle. The last have more blocks of 16 centres
// than a row has bounds.
TEST(nearest_of_centres_that_move_a_little_are_those_of_all_pairs) {
  struct Size {
    std::size_t n_columns, k;
  };
  for (const Size size : {Size{3, 70}, Size{20, 20}, Size{20, 70}, Size{80, 70}, Size{20, 1200}}) {
    const sample::Matrix x = sample::uniform(130, size.n_columns, 8);
    const sample::Matrix start = sample::uniform(size.k, size.n_columns, 9);
    std::vector<std::vector<double>> rounds;
    rounds.emplace_back(start.values.begin(), start.values.end());
    for (std::size_t round = 1; round < 12; ++round) {
      const sample::Matrix step = sample::uniform(size.k, size.n_columns, 100 + round);
      std::vector<double> centres = rounds.back();
      for (std::size_t i = 0; i < centres.size(); ++i) {
        centres[i] += 0.04 * (static_cast<double>(step.values[i]) - 0.5);
      }
      rounds.push_back(centres);
    }
    check_nearest_centres(x.rows(), x, size.k, rounds);
  }
}

namespace {

// From every row's cluster, to the nearest of all centres.
template <class T>
void check_nearby_centres(const Rows<T>& rows, const std::vector<double>& centres,
                          std::vector<std::size_t> cluster) {
  Job job(1);
  const DistanceMeter<T> meter(rows, Metric::sqeuclidean, job);
  NearbyCentres<T> nearby(meter, centres, job);
  const std::size_t k = centres.size() / rows.n_columns();
  const auto square = [&](std::size_t row, std::size_t c) {
    return row_kernels<T>().squared_distance(rows.row(row), centres.data() + c * rows.n_columns(),
                                             rows.n_columns());
  };
  for (std::size_t c = 0; c < k; ++c) {
    std::vector<std::size_t> members;
    std::vector<FoundCentre> found;
    const auto find = [&] {
      nearby.find(members, found, 0);
      for (std::size_t i = 0; i < members.size(); ++i) {
        std::size_t best = 0;
        for (std::size_t other = 1; other < k; ++other) {
          if (square(members[i], other) < square(members[i], best)) best = other;
        }
        CHECK(found[i].centre == best);
        CHECK(found[i].squared_distance == square(members[i], best));
      }
      members.clear();
      found.clear();
    };
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (cluster[row] != c) continue;
      members.push_back(row);
      found.push_back({c, square(row, c)});
      if (members.size() == NearbyCentres<T>::rows_at_once) find();
    }
    if (!members.empty()) find();
  }
}

// k of the rows, some halfway to another, some twice.
template <class T>
std::vector<double> centres_of(const adversarial::Matrix<T>& x, std::size_t k) {
  std::vector<double> centres;
  for (std::size_t c = 0; c < k; ++c) {
    const std::size_t one = (c * 7 + c / 40) % x.n_rows;
    const std::size_t other = c % 3 == 0 ? one : (c * 5 + 1) % x.n_rows;
    for (std::size_t j = 0; j < x.n_columns; ++j) {
      centres.push_back(0.5 * static_cast<double>(x.values[one * x.n_columns + j]) +
                        0.5 * static_cast<double>(x.values[other * x.n_columns + j]));
    }
  }
  return centres;
}

template <class T>
void check_nearby_centres_of_all_kinds() {
  constexpr std::size_t n_rows = 150;
  for (const std::size_t n_columns : {1U, 2U, 3U, 8U, 15U, 33U}) {
    for (const auto& x : adversarial::matrices<T>(n_rows, n_columns, n_columns)) {
      for (const std::size_t k : {1U, 2U, 17U, 70U, 200U}) {
        const std::vector<double> centres = centres_of(x, k);
        std::vector<std::size_t> cluster(n_rows, 0);
        check_nearby_centres(x.rows(), centres, cluster);  // as after random seeding
        for (std::size_t row = 0; row < n_rows; ++row) cluster[row] = row % k;
        check_nearby_centres(x.rows(), centres, cluster);
      }
    }
  }
}

}  // namespace

TEST(nearby_centres_are_the_nearest_of_all) {
  check_nearby_centres_of_all_kinds<float>();
  check_nearby_centres_of_all_kinds<double>();
}

// Rows of a cluster that are near to their centre leave few centres to look at; the next rows may
// be further away and need more.
TEST(nearby_centres_of_rows_near_and_far_are_the_nearest_of_all) {
  for (const std::size_t n_columns : {2U, 3U, 5U}) {
    const sample::Matrix x = sample::uniform(3000, n_columns, n_columns);
    const sample::Matrix points = sample::uniform(120, n_columns, 77);
    const std::vector<double> centres(points.values.begin(), points.values.end());
    std::vector<std::size_t> cluster;
    for (std::size_t row = 0; row < x.n_rows; ++row) {
      std::size_t best = 0;
      double smallest = 1e9;
      for (std::size_t c = 0; c < 120; ++c) {
        const double square = row_kernels<float>().squared_distance(
            x.rows().row(row), centres.data() + c * n_columns, n_columns);
        if (square < smallest) {
          smallest = square;
          best = c;
        }
      }
      cluster.push_back(row % 4 == 0 ? row / 300 : best);
    }
    check_nearby_centres(x.rows(), centres, cluster);
  }
}

TEST_MAIN
