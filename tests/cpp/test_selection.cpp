#include <cmath>
#include <numeric>
#include <vector>

#include "check.hpp"
#include "sample_data.hpp"
#include "selection/class_budgets.hpp"
#include "thinset/error.hpp"
#include "thinset/instruction_set.hpp"
#include "thinset/selection.hpp"

using namespace thinset;

namespace {

std::vector<std::size_t> budgets_of(const std::vector<std::int64_t>& labels, std::size_t k,
                                    PerClass kind) {
  std::vector<std::size_t> budgets;
  for (const ClassBudget& budget : class_budgets(labels, k, kind)) {
    budgets.push_back(budget.budget);
  }
  return budgets;
}

std::vector<std::int64_t> labels_of_sizes(const std::vector<std::size_t>& sizes) {
  std::vector<std::int64_t> labels;
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    labels.insert(labels.end(), sizes[c], static_cast<std::int64_t>(c) - 1);
  }
  return labels;
}

}  // namespace

TEST(balanced_budgets_share_what_small_classes_lack) {
  const auto labels = labels_of_sizes({1, 50, 3, 40});
  CHECK((budgets_of(labels, 8, PerClass::balanced) == std::vector<std::size_t>{1, 3, 2, 2}));
  CHECK((budgets_of(labels, 24, PerClass::balanced) == std::vector<std::size_t>{1, 10, 3, 10}));
  CHECK((budgets_of(labels, 94, PerClass::balanced) == std::vector<std::size_t>{1, 50, 3, 40}));
  CHECK((budgets_of(labels, 2, PerClass::balanced) == std::vector<std::size_t>{1, 1, 0, 0}));
}

TEST(proportional_budgets_take_the_largest_remainders) {
  const auto labels = labels_of_sizes({10, 30, 60});
  CHECK((budgets_of(labels, 10, PerClass::proportional) == std::vector<std::size_t>{1, 3, 6}));
  CHECK((budgets_of(labels, 4, PerClass::proportional) == std::vector<std::size_t>{1, 1, 2}));
  CHECK((budgets_of(labels, 100, PerClass::proportional) == std::vector<std::size_t>{10, 30, 60}));
}

TEST(every_method_picks_distinct_rows_the_same_for_every_instruction_set) {
  const sample::Matrix x = sample::uniform(400, 33, 9);
  std::vector<std::int64_t> labels(400);
  for (std::size_t i = 0; i < 400; ++i) labels[i] = static_cast<std::int64_t>(i % 7);
  for (const Method method : {Method::top_k, Method::max_sum, Method::max_min,
                              Method::facility_location, Method::kmeans, Method::random}) {
    for (const PerClass per_class : {PerClass::none, PerClass::balanced}) {
      std::vector<std::int64_t> expected;
      for (const InstructionSet set : available_instruction_sets()) {
        use_instruction_set(set);
        SelectionRequest request;
        request.method = method;
        request.n_samples = 60;
        request.labels = labels;
        request.per_class = per_class;
        Job job(3);
        const SelectionResult result = select(x.any(), request, job);
        CHECK(result.indices.size() == 60 && result.gains.size() == 60);
        std::vector<bool> seen(400, false);
        for (const std::int64_t row : result.indices) {
          CHECK(!seen[static_cast<std::size_t>(row)]);
          seen[static_cast<std::size_t>(row)] = true;
        }
        if (expected.empty()) expected = result.indices;
        CHECK(result.indices == expected);
      }
    }
  }
}

// Large enough to be kept in half precision, by the sets that can; the plain one does not.
TEST(large_matrices_give_the_same_rows_for_every_instruction_set) {
  constexpr std::size_t n_columns = 500;
  sample::Matrix x = sample::uniform(2500, n_columns, 4);
  for (std::size_t i = 0; i < x.n_rows; ++i) {  // directions around 20 others
    double square = 0.0;
    for (std::size_t j = 0; j < n_columns; ++j) {
      float& value = x.values[i * n_columns + j];
      value += 0.5F * x.values[i % 20 * n_columns + j];
      square += static_cast<double>(value) * static_cast<double>(value);
    }
    for (std::size_t j = 0; j < n_columns; ++j) {
      x.values[i * n_columns + j] /= static_cast<float>(std::sqrt(square));
    }
  }
  for (const Metric metric : {Metric::euclidean, Metric::sqeuclidean, Metric::cosine}) {
    for (const Method method : {Method::max_sum, Method::kmeans}) {
      if (method == Method::kmeans && metric != Metric::euclidean) continue;
      std::vector<std::int64_t> expected;
      for (const InstructionSet set : available_instruction_sets()) {
        use_instruction_set(set);
        SelectionRequest request;
        request.method = method;
        request.metric = metric;
        request.n_samples = 150;
        request.kmeans.n_iterations = 1;
        Job job(2);
        const SelectionResult result = select(x.any(), request, job);
        if (expected.empty()) expected = result.indices;
        CHECK(result.indices == expected);
      }
    }
  }
}

TEST(rows_that_are_not_finite_are_named_by_their_own_number) {
  sample::Matrix x = sample::uniform(100, 3, 1);
  x.values[50 * 3 + 2] = -INFINITY;
  std::vector<std::int64_t> labels(100);
  for (std::size_t i = 0; i < 100; ++i) labels[i] = i % 2 == 0 ? 1 : 0;
  SelectionRequest request;
  request.n_samples = 10;
  request.labels = labels;
  request.per_class = PerClass::balanced;
  Job job(2);
  CHECK(check::message_of<InvalidInput>([&] { select(x.any(), request, job); }) ==
        "embeddings must be finite: row 50, column 2 is -inf");
}

TEST_MAIN
