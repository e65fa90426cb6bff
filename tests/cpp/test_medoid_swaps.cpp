#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "check.hpp"
#include "methods/medoid_swaps.hpp"
#include "rows/block_sum.hpp"
#include "sample_data.hpp"
#include "thinset/instruction_set.hpp"

using namespace thinset;

namespace {

// The first k rows, as a start that leaves much to improve.
Picks first_rows(std::size_t k) {
  Picks picks;
  picks.rows.resize(k);
  std::iota(picks.rows.begin(), picks.rows.end(), std::size_t{0});
  return picks;
}

struct Naive {
  const sample::Matrix& x;
  Loss loss;
  std::size_t n_fixed;
  std::vector<std::size_t> rows;
  std::vector<double> near, second;
  std::vector<std::size_t> place;

  std::vector<double> losses_by(std::size_t candidate) const {
    Job job(1);
    const DistanceMeter<float> meter(x.rows(), loss.metric(), job);
    Point point;
    meter.read(candidate, point);
    std::vector<double> losses(x.n_rows);
    for (std::size_t i = 0; i < x.n_rows; ++i) losses[i] = loss.of_rank(meter.rank(i, point));
    return losses;
  }

  double settle() {
    near.assign(x.n_rows, std::numeric_limits<double>::infinity());
    second = near;
    place.assign(x.n_rows, 0);
    for (std::size_t m = 0; m < rows.size(); ++m) {
      const std::vector<double> losses = losses_by(rows[m]);
      for (std::size_t i = 0; i < x.n_rows; ++i) {
        second[i] = std::min(second[i], std::max(near[i], losses[i]));
        if (losses[i] < near[i]) {
          near[i] = losses[i];
          place[i] = m;
        }
      }
    }
    BlockSum cost;
    for (std::size_t i = 0; i < x.n_rows; ++i) cost.add(i, near[i]);
    return std::fabs(cost.total());
  }

  // Tries one candidate with every medoid.
  bool improve(std::size_t candidate, double cost) {
    const std::vector<double> losses = losses_by(candidate);
    double best = 0.0;
    std::size_t out = rows.size();
    for (std::size_t m = n_fixed; m < rows.size(); ++m) {
      BlockSum gain, kept, removal;
      for (std::size_t i = 0; i < x.n_rows; ++i) {
        gain.add(i, std::max(0.0, near[i] - losses[i]));
        if (place[i] == m) {
          kept.add(i, second[i] - std::min(second[i], std::max(near[i], losses[i])));
          removal.add(i, second[i] - near[i]);
        }
      }
      const double hurdle = removal.total() + 1e-12 * (cost + removal.total());
      const double surplus = (gain.total() + kept.total()) - hurdle;
      if (surplus > best || (surplus == best && out < rows.size() && rows[m] < rows[out])) {
        best = surplus;
        out = m;
      }
    }
    if (out < rows.size()) rows[out] = candidate;
    return out < rows.size();
  }

  void run(std::size_t max_swaps) {
    const bool is_cosine = loss.metric() == Metric::cosine && !loss.is_gaussian();
    const double least = is_cosine ? static_cast<double>(x.n_rows) : 0.0;
    double cost = std::max(settle(), least);
    std::size_t n_swaps = 0;
    std::size_t n_failed = 0;
    for (std::size_t c = 0; n_failed < x.n_rows && n_swaps < max_swaps; c = (c + 1) % x.n_rows) {
      ++n_failed;
      if (std::ranges::find(rows, c) == rows.end() && improve(c, cost)) {
        cost = std::max(settle(), least);
        ++n_swaps;
        n_failed = 0;
      }
    }
  }
};

void check_equal(const sample::Matrix& x, const Loss& loss, std::size_t k, std::size_t n_fixed,
                 std::size_t max_swaps) {
  Naive naive{x, loss, n_fixed, first_rows(k).rows, {}, {}, {}};
  const double before = naive.settle();
  naive.run(max_swaps);
  const double after = naive.settle();
  for (const InstructionSet set : available_instruction_sets()) {
    use_instruction_set(set);
    for (const unsigned n_threads : {1U, 3U}) {
      Job job(n_threads);
      Picks picks = first_rows(k);
      swap_medoids(x.rows(), loss, n_fixed, max_swaps, std::vector<bool>(x.n_rows, true), picks,
                   job);
      CHECK(picks.rows == naive.rows);
      CHECK(!picks.swaps.empty() && picks.swaps.size() <= max_swaps);
      const double gained = std::accumulate(picks.swaps.begin(), picks.swaps.end(), 0.0);
      CHECK(std::fabs(std::fabs(before - after) - gained) <= 1e-9 * std::max(before, after));
    }
  }
}

}  // namespace

TEST(exchanges_are_those_of_trying_every_pair) {
  const sample::Matrix x = sample::uniform(150, 3, 4);
  for (const Loss& loss :
       {Loss::distance(Metric::euclidean), Loss::distance(Metric::sqeuclidean),
        Loss::distance(Metric::cosine), Loss::gaussian(Metric::euclidean, 0.4)}) {
    check_equal(x, loss, 9, 0, 1000);
    check_equal(x, loss, 9, 2, 5);
  }
}

TEST(candidates_whose_lists_exceed_the_memory_are_listed_in_turns) {
  check_equal(sample::uniform(1600, 1, 7), Loss::distance(Metric::euclidean), 2, 0, 1000);
}

TEST(rows_that_are_closed_replace_none) {
  const sample::Matrix x{6, 1, {0, 1, 2, 10, 11, 12}};
  Job job(1);
  Picks picks = first_rows(2);
  std::vector<bool> is_open(6, true);
  is_open[4] = false;
  const Loss loss = Loss::distance(Metric::euclidean);
  swap_medoids(x.rows(), loss, 0, 100, is_open, picks, job);
  CHECK((picks.rows == std::vector<std::size_t>{3, 1}));
  CHECK((picks.swaps == std::vector<double>{3.0, 23.0}));
  is_open[4] = true;
  swap_medoids(x.rows(), loss, 0, 100, is_open, picks, job);
  CHECK((picks.rows == std::vector<std::size_t>{4, 1}));
}

TEST(rows_that_are_all_chosen_or_fixed_stay) {
  const sample::Matrix x = sample::uniform(10, 3, 5);
  Job job(2);
  for (const std::size_t k : {std::size_t{1}, std::size_t{4}, std::size_t{10}}) {
    Picks picks = first_rows(k);
    swap_medoids(x.rows(), Loss::distance(Metric::euclidean), k == 4 ? 4 : 0, 100,
                 std::vector<bool>(10, true), picks, job);
    CHECK((picks.rows == first_rows(k).rows && picks.swaps.empty()));
  }
}

TEST_MAIN
