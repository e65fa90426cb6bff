#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>
#include <vector>

#include "check.hpp"
#include "methods/max_min_swaps.hpp"
#include "sample_data.hpp"

using namespace thinset;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// The first k rows, as a start that leaves much to improve.
Picks first_rows(std::size_t k) {
  Picks picks;
  picks.rows.resize(k);
  std::iota(picks.rows.begin(), picks.rows.end(), std::size_t{0});
  return picks;
}

// All exchanges, one after the other, by a table of all ranks.
class Naive {
 public:
  Naive(const sample::Matrix& x, Metric metric) : n_(x.n_rows), ranks_(n_ * n_) {
    Job job(1);
    const DistanceMeter<float> meter(x.rows(), metric, job);
    Point point;
    for (std::size_t a = 0; a < n_; ++a) {
      meter.read(a, point);
      for (std::size_t b = 0; b < n_; ++b) ranks_[a * n_ + b] = meter.rank(b, point);
    }
  }

  // The smallest rank, and the number of pairs at it.
  std::pair<double, std::size_t> closest(const std::vector<std::size_t>& rows) const {
    double smallest = infinity;
    std::size_t n_pairs = 0;
    for (std::size_t a = 0; a < rows.size(); ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        const double rank = ranks_[rows[a] * n_ + rows[b]];
        if (rank < smallest) n_pairs = 0;
        smallest = std::min(smallest, rank);
        n_pairs += rank == smallest ? 1 : 0;
      }
    }
    return {smallest, n_pairs};
  }

  std::vector<std::size_t> improved(std::vector<std::size_t> rows, std::size_t n_fixed,
                                    std::size_t max_swaps, const std::vector<bool>& is_open) const {
    for (std::size_t swap = 0; swap < max_swaps; ++swap) {
      const double smallest = closest(rows).first;
      std::tuple<std::size_t, double, std::size_t, std::size_t> best{n_ * n_, 0.0, 0, 0};
      std::size_t best_place = rows.size();
      for (std::size_t in = 0; in < n_; ++in) {
        if (!is_open[in] || std::ranges::find(rows, in) != rows.end()) continue;
        for (std::size_t place = n_fixed; place < rows.size(); ++place) {
          double apart = infinity;
          double before = infinity;
          for (std::size_t other = 0; other < rows.size(); ++other) {
            if (other == place) continue;
            apart = std::min(apart, ranks_[in * n_ + rows[other]]);
            before = std::min(before, ranks_[rows[place] * n_ + rows[other]]);
          }
          if (before != smallest || !(apart > smallest)) continue;
          std::vector<std::size_t> after = rows;
          after[place] = in;
          const auto [rank, n_pairs] = closest(after);
          const std::tuple key{rank > smallest ? 0 : n_pairs, -apart, in, rows[place]};
          if (key < best) {
            best = key;
            best_place = place;
          }
        }
      }
      if (best_place == rows.size()) break;
      rows[best_place] = std::get<2>(best);
    }
    return rows;
  }

  // Whether some exchange raises the smallest distance.
  bool can_rise(const std::vector<std::size_t>& rows) const {
    for (std::size_t place = 0; place < rows.size(); ++place) {
      std::vector<std::size_t> after = rows;
      for (std::size_t in = 0; in < n_; ++in) {
        after[place] = in;
        if (closest(after).first > closest(rows).first) return true;
      }
    }
    return false;
  }

 private:
  std::size_t n_;
  std::vector<double> ranks_;
};

// Few values, so that many pairs tie.
sample::Matrix lattice(std::size_t n_rows, std::size_t n_columns, std::uint64_t seed) {
  sample::Matrix x = sample::uniform(n_rows, n_columns, seed);
  for (float& value : x.values) value = std::round(4.0F * value) + 0.5F;
  return x;
}

}  // namespace

TEST(exchanges_are_those_of_trying_every_pair) {
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const std::size_t d = 1 + seed % 5;
    const std::size_t k = 2 + seed % 9;
    const sample::Matrix x = seed % 2 == 0 ? sample::uniform(40, d, seed) : lattice(40, d, seed);
    for (const Metric metric : {Metric::euclidean, Metric::sqeuclidean, Metric::cosine}) {
      const Naive naive(x, metric);
      std::vector<bool> is_open(x.n_rows, true);
      for (std::size_t row = 0; row < x.n_rows; ++row) is_open[row] = seed % 4 != 3 || row % 4 != 3;
      for (const std::size_t max_swaps : {std::size_t{0}, std::size_t{2}, std::size_t{1000}}) {
        const std::size_t n_fixed = seed % 3;
        const std::vector<std::size_t> expected =
            naive.improved(first_rows(k).rows, n_fixed, max_swaps, is_open);
        for (const unsigned n_threads : {1U, 3U}) {
          Job job(n_threads);
          Picks picks = first_rows(k);
          swap_for_smallest(x.rows(), metric, n_fixed, max_swaps, is_open, picks, job);
          CHECK(picks.rows == expected);
          CHECK(picks.swaps.size() <= max_swaps);
          CHECK(std::ranges::all_of(picks.swaps, [](double rise) { return rise >= 0.0; }));
        }
        if (max_swaps == 1000 && n_fixed == 0 && seed % 4 != 3) CHECK(!naive.can_rise(expected));
      }
    }
  }
}

TEST(rows_that_are_all_chosen_or_fixed_or_alone_stay) {
  const sample::Matrix x = sample::uniform(10, 3, 5);
  const std::vector<bool> all(10, true);
  for (const std::size_t k : {std::size_t{1}, std::size_t{4}, std::size_t{10}}) {
    Job job(2);
    Picks picks = first_rows(k);
    swap_for_smallest(x.rows(), Metric::euclidean, k == 4 ? k : 0, 100, all, picks, job);
    CHECK((picks.rows == first_rows(k).rows && picks.swaps.empty()));
  }
}

TEST_MAIN
