#include <algorithm>
#include <vector>

#include "check.hpp"
#include "methods/top_k.hpp"
#include "sample_data.hpp"

using namespace thinset;

namespace {

Picks pick(const sample::Matrix& x, std::size_t k, const TopKOptions& options, Job& job) {
  return top_k(x.rows(), k, options, {}, job).picks;
}

}  // namespace

TEST(elements_are_dealt_in_rounds_and_ties_go_to_the_lower_row) {
  // Row 1 tops both elements; rows 0 and 2 tie for the next place in element 1.
  const sample::Matrix x{4, 2, {5, 3, 9, 9, 1, 3, 6, 0}};
  Job job(2);
  const Picks picks = pick(x, 4, {}, job);
  CHECK((picks.rows == std::vector<std::size_t>{1, 0, 3, 2}));
  CHECK((picks.gains == std::vector<double>{9, 3, 6, 3}));
}

TEST(the_union_drops_turns_that_are_taken) {
  const sample::Matrix x{4, 2, {5, 3, 9, 9, 1, 3, 6, 0}};
  Job job(1);
  const Picks picks = pick(x, 2, {.refill = false}, job);
  CHECK((picks.rows == std::vector<std::size_t>{1}));
}

TEST(identical_elements_need_their_boards_refilled) {
  sample::Matrix x = sample::uniform(500, 1, 3);
  sample::Matrix wide{500, 40, {}};
  for (const float value : x.values) wide.values.insert(wide.values.end(), 40, value);
  std::vector<std::size_t> order(500);
  for (std::size_t i = 0; i < 500; ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return x.values[a] > x.values[b]; });
  for (const unsigned n_threads : {1U, 4U}) {
    Job job(n_threads);
    CHECK(pick(wide, 500, {}, job).rows == order);
  }
}

TEST(more_elements_than_picks) {
  const sample::Matrix x = sample::uniform(30, 100, 4);
  Job job(2);
  const Picks picks = pick(x, 7, {}, job);
  CHECK(picks.rows.size() == 7);
  for (std::size_t j = 0; j < 7; ++j) {
    CHECK(static_cast<double>(x.values[picks.rows[j] * 100 + j]) == picks.gains[j]);
  }
}

TEST_MAIN
