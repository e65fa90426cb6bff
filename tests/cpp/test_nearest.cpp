#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "adversarial.hpp"
#include "check.hpp"
#include "rows/distance.hpp"
#include "sample_data.hpp"
#include "thinset/error.hpp"
#include "thinset/instruction_set.hpp"
#include "thinset/nearest.hpp"

using namespace thinset;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class T>
AnyMatrix any(const adversarial::Matrix<T>& matrix) {
  return {matrix.values.data(), element_of<T>, matrix.n_rows, matrix.n_columns, matrix.n_columns};
}

// Every pair, one after the other.
template <class T>
std::vector<double> all_distances(const adversarial::Matrix<T>& queries,
                                  const adversarial::Matrix<T>& reference) {
  std::vector<double> distances;
  std::vector<double> query(queries.n_columns);
  for (std::size_t q = 0; q < queries.n_rows; ++q) {
    std::copy_n(queries.values.begin() + static_cast<std::ptrdiff_t>(q * query.size()),
                query.size(), query.begin());
    for (std::size_t r = 0; r < reference.n_rows; ++r) {
      distances.push_back(std::sqrt(row_kernels<T>().squared_distance(
          reference.values.data() + r * query.size(), query.data(), query.size())));
    }
  }
  return distances;
}

template <class T>
void check_against_all_pairs(const adversarial::Matrix<T>& queries,
                             const adversarial::Matrix<T>& reference, unsigned n_threads) {
  constexpr std::size_t k = 3;
  const std::size_t n = reference.n_rows;
  const std::vector<double> all = all_distances(queries, reference);
  Job job(n_threads);
  const NearestRows found = nearest_rows(any(queries), any(reference), k, {}, job);
  std::vector<double> radii;
  bool holds = true;
  for (std::size_t q = 0; q < queries.n_rows; ++q) {
    const double* mine = all.data() + q * n;
    std::vector<bool> is_used(n, false);
    for (std::size_t j = 0; j < k; ++j) {
      const double distance = found.distances[q * k + j];
      const auto row = static_cast<std::size_t>(found.indices[q * k + j]);
      holds = holds && distance == mine[row] && !is_used[row];
      is_used[row] = true;
    }
    radii.push_back(found.distances[q * k + 1]);
    // No row that was left out is nearer.
    for (std::size_t r = 0; r < n; ++r) {
      holds = holds && (is_used[r] || mine[r] >= found.distances[q * k + k - 1]);
    }
  }
  const BallCounts counts = count_in_balls(any(queries), radii, any(reference), job);
  for (std::size_t q = 0; q < queries.n_rows; ++q) {
    holds = holds && counts.of_balls[q] ==
                         std::count_if(all.data() + q * n, all.data() + (q + 1) * n,
                                       [&](double distance) { return distance <= radii[q]; });
  }
  for (std::size_t r = 0; r < n; ++r) {
    std::int64_t around = 0;
    for (std::size_t q = 0; q < queries.n_rows; ++q) {
      around += all[q * n + r] <= radii[q] ? 1 : 0;
    }
    holds = holds && counts.of_points[r] == around;
  }
  const std::string what = "'" + queries.name + "' in '" + reference.name + "', " +
                           std::to_string(queries.n_columns) + " columns";
  check::expect(holds, what.c_str(), __FILE__, __LINE__);
}

template <class T>
void check_every_kind() {
  for (const std::size_t n_columns : adversarial::dimensions) {
    const auto matrices = adversarial::matrices<T>(70, n_columns, n_columns);
    for (std::size_t kind = 0; kind < matrices.size(); ++kind) {
      check_against_all_pairs(matrices[kind], matrices[kind], 1);
      check_against_all_pairs(matrices[kind], matrices[(kind + 1) % matrices.size()], 2);
    }
  }
}

}  // namespace

TEST(neighbours_and_counts_are_those_of_all_pairs) {
  for (const InstructionSet set : available_instruction_sets()) {
    use_instruction_set(set);
    check_every_kind<float>();
    check_every_kind<double>();
  }
}

TEST(equal_distances_go_to_the_lower_row_and_the_query_is_skipped) {
  const adversarial::Matrix<float> same{"same", 200, 3, std::vector<float>(600, 1.0F)};
  std::vector<std::int64_t> itself(200);
  for (std::size_t i = 0; i < 200; ++i) {
    itself[i] = static_cast<std::int64_t>(i);
  }
  Job job(2);
  const NearestRows found = nearest_rows(any(same), any(same), 2, itself, job);
  for (std::int64_t i = 0; i < 200; ++i) {
    const auto at = static_cast<std::size_t>(2 * i);
    CHECK(found.indices[at] == (i == 0 ? 1 : 0));
    CHECK(found.indices[at + 1] == (i < 2 ? 2 : 1));
    CHECK(found.distances[at + 1] == 0.0);
  }
}

TEST(requests_that_cannot_be_served_are_refused) {
  const sample::Matrix matrix = sample::uniform(5, 2, 1);
  const sample::Matrix wide = sample::uniform(5, 3, 1);
  Job job(1);
  const std::vector<std::int64_t> skipped{0, 1, 2, 3, 5};
  const auto message = [&](const AnyMatrix& reference, std::size_t k,
                           std::span<const std::int64_t> rows) {
    return check::message_of<InvalidInput>(
        [&] { nearest_rows(matrix.any(), reference, k, rows, job); });
  };
  CHECK(message(matrix.any(), 0, {}).find("k must be in [1, 5]") != std::string::npos);
  CHECK(message(matrix.any(), 6, {}).find("got 6") != std::string::npos);
  CHECK(message(wide.any(), 1, {}).find("got 2 and 3") != std::string::npos);
  CHECK(message(matrix.any(), 1, skipped).find("got 5") != std::string::npos);
  for (const double radius : {std::nan(""), infinity}) {
    const std::vector<double> radii(5, radius);
    CHECK(check::message_of<InvalidInput>([&] {
            count_in_balls(matrix.any(), radii, matrix.any(), job);
          }).find("radii must be finite") != std::string::npos);
  }
}

TEST_MAIN
