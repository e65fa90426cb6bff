#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "check.hpp"
#include "sample_data.hpp"
#include "thinset/error.hpp"
#include "thinset/near_duplicates.hpp"

using namespace thinset;

namespace {

// Copies of a few rows, each a little off.
sample::Matrix repeated(std::size_t n_rows, std::size_t n_kinds, float off) {
  sample::Matrix kinds = sample::uniform(n_kinds, 12, 1);
  const sample::Matrix noise = sample::uniform(n_rows, 12, 2);
  sample::Matrix matrix{n_rows, 12, std::vector<float>(n_rows * 12)};
  for (std::size_t i = 0; i < n_rows; ++i) {
    for (std::size_t j = 0; j < 12; ++j) {
      matrix.values[i * 12 + j] =
          kinds.values[i * 7 % n_kinds * 12 + j] + off * noise.values[i * 12 + j];
    }
  }
  return matrix;
}

}  // namespace

TEST(copies_of_a_row_are_one_group_for_every_number_of_threads) {
  const sample::Matrix matrix = repeated(3000, 101, 1e-4F);
  for (const unsigned n_threads : {1U, 2U, 3U}) {
    Job job(n_threads);
    const auto groups = group_near_duplicates(matrix.any(), 0.01, Metric::euclidean, job);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      CHECK(groups[i] == static_cast<std::int64_t>(i % 101));
    }
  }
}

TEST(nothing_is_a_group_where_no_rows_are_near_and_all_are_where_all_are) {
  const sample::Matrix matrix = sample::uniform(500, 8, 3);
  Job job(2);
  std::vector<std::int64_t> alone(500);
  std::iota(alone.begin(), alone.end(), 0);
  CHECK(group_near_duplicates(matrix.any(), 0.0, Metric::euclidean, job) == alone);
  const std::vector<std::int64_t> together(500, 0);
  CHECK(group_near_duplicates(matrix.any(), 100.0, Metric::euclidean, job) == together);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  CHECK(group_near_duplicates(matrix.any(), infinity, Metric::euclidean, job) == together);
}

TEST(a_distance_below_zero_is_refused) {
  const sample::Matrix matrix = sample::uniform(5, 2, 3);
  Job job(1);
  for (const double distance : {-1.0, std::nan("")}) {
    const std::string message = check::message_of<InvalidInput>(
        [&] { group_near_duplicates(matrix.any(), distance, Metric::euclidean, job); });
    CHECK(message.find("distance must be at least 0") != std::string::npos);
  }
}

TEST_MAIN
