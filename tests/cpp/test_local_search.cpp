#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "check.hpp"
#include "methods/local_search.hpp"
#include "methods/max_sum.hpp"
#include "sample_data.hpp"

using namespace thinset;

namespace {

// The first k rows, as a start that leaves much to improve.
Picks first_rows(const DistanceMeter<float>& meter, std::size_t k) {
  Picks picks;
  Point point;
  for (std::size_t t = 0; t < k; ++t) {
    meter.read(t, point);
    double gain = 0.0;
    for (std::size_t u = 0; u < t; ++u) gain += meter.distance_from_rank(meter.rank(u, point));
    picks.rows.push_back(t);
    picks.gains.push_back(gain);
  }
  return picks;
}

double distance(const DistanceMeter<float>& meter, std::size_t a, std::size_t b) {
  Point point;
  meter.read(b, point);
  return meter.distance_from_rank(meter.rank(a, point));
}

// All pairs, one after the other.
std::vector<std::size_t> improved_naively(const DistanceMeter<float>& meter, Picks picks,
                                          std::size_t n_fixed, std::size_t max_swaps) {
  const std::size_t n = meter.rows().size();
  std::vector<double> sums(n, 0.0);
  for (const std::size_t pick : picks.rows) {
    for (std::size_t x = 0; x < n; ++x) sums[x] += distance(meter, x, pick);
  }
  double objective = std::accumulate(picks.gains.begin(), picks.gains.end(), 0.0);
  for (std::size_t swap = 0; swap < max_swaps; ++swap) {
    double best = -std::numeric_limits<double>::infinity();
    std::size_t in = n;
    std::size_t out = n;
    for (std::size_t b = 0; b < n; ++b) {
      if (std::ranges::find(picks.rows, b) != picks.rows.end()) continue;
      for (std::size_t a = 0; a < n; ++a) {
        const auto found = std::ranges::find(picks.rows, a);
        if (found == picks.rows.end()) continue;
        if (static_cast<std::size_t>(found - picks.rows.begin()) < n_fixed) continue;
        const double improvement = (sums[b] - sums[a]) - distance(meter, a, b);
        if (improvement > best) {
          best = improvement;
          in = b;
          out = a;
        }
      }
    }
    const auto k = static_cast<double>(picks.rows.size());
    const double scale = meter.metric() == Metric::cosine ? std::max(objective, k * k) : objective;
    if (!(best > 1e-12 * scale)) break;
    for (std::size_t x = 0; x < n; ++x) {
      sums[x] -= distance(meter, x, out);
      sums[x] += distance(meter, x, in);
    }
    *std::ranges::find(picks.rows, out) = in;
    objective += best;
  }
  return picks.rows;
}

// Few values, so that many rows tie.
sample::Matrix lattice(std::size_t n_rows, std::size_t n_columns, std::uint64_t seed) {
  sample::Matrix x = sample::uniform(n_rows, n_columns, seed);
  for (float& value : x.values) value = std::round(2.0F * value) + 0.5F;
  return x;
}

}  // namespace

TEST(exchanges_are_those_of_trying_every_pair) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const std::size_t d = 1 + seed % 5;
    const sample::Matrix x = seed % 2 == 0 ? sample::uniform(50, d, seed) : lattice(50, d, seed);
    for (const Metric metric : {Metric::euclidean, Metric::sqeuclidean, Metric::cosine}) {
      for (const std::size_t max_swaps : {std::size_t{0}, std::size_t{2}, std::size_t{1000}}) {
        const std::size_t n_fixed = seed % 3;
        Job naive_job(1);
        const DistanceMeter<float> meter(x.rows(), metric, naive_job);
        const Picks start = first_rows(meter, 3 + seed % 9);
        const auto expected = improved_naively(meter, start, n_fixed, max_swaps);
        for (const unsigned n_threads : {1U, 3U}) {
          Job job(n_threads);
          Picks picks = start;
          swap_for_sum(x.rows(), metric, n_fixed, max_swaps, picks, job);
          CHECK(picks.rows == expected);
          CHECK(picks.swaps.size() <= max_swaps);
          // Gains are honest: they add up to what the exchanges say.
          const auto total = [](const std::vector<double>& values) {
            return std::accumulate(values.begin(), values.end(), 0.0);
          };
          const double after = total(picks.gains);
          CHECK(std::fabs(after - total(start.gains) - total(picks.swaps)) <=
                1e-12 * after + 1e-12);
        }
      }
    }
  }
}

TEST(rows_that_are_all_chosen_or_fixed_stay) {
  const sample::Matrix x = sample::uniform(10, 3, 5);
  Job job(2);
  const DistanceMeter<float> meter(x.rows(), Metric::euclidean, job);
  for (const std::size_t k : {std::size_t{4}, std::size_t{10}}) {
    Picks picks = first_rows(meter, k);
    swap_for_sum(x.rows(), Metric::euclidean, k == 10 ? 0 : k, 100, picks, job);
    CHECK((picks.rows == first_rows(meter, k).rows && picks.swaps.empty()));
  }
}

TEST_MAIN
