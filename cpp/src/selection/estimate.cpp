#include "thinset/estimate.hpp"

#include <algorithm>
#include <vector>

#include "methods/bandwidth.hpp"
#include "methods/facility_location.hpp"
#include "methods/kmeans.hpp"
#include "methods/max_min.hpp"
#include "methods/max_sum.hpp"
#include "methods/random_picks.hpp"
#include "methods/top_k.hpp"
#include "rows/column_summary.hpp"
#include "selection/class_budgets.hpp"
#include "selection/selection_parts.hpp"
#include "thinset/processors.hpp"

namespace thinset {

namespace {

std::uint64_t element_bytes(Element element) {
  switch (element) {
    case Element::float64:
      return 8;
    case Element::float32:
      return 4;
    case Element::float16:
    case Element::bfloat16:
      return 2;
  }
  return 8;
}

MemoryNeed method_memory(const SelectionSize& size, const SelectionRequest& request) {
  const std::uint64_t words = sizeof(std::size_t) + sizeof(double);
  switch (request.method) {
    case Method::top_k:
      return top_k_memory(size, request.top_k);
    case Method::max_sum:
      // Exchanges come after it and need less.
      return max_sum_memory(size);
    case Method::max_min:
      return max_min_memory(size);
    case Method::facility_location: {
      const std::uint64_t bytes =
          facility_location_memory(size.n_rows, size.n_columns, size.n_threads);
      const std::uint64_t sample =
          request.facility_location.kernel == CoverageKernel::gaussian ? median_distance_memory : 0;
      const std::uint64_t norms = size.is_cosine ? size.n_rows * sizeof(double) : 0;
      const std::uint64_t all =
          bytes + sample + norms + size.n_rows * sizeof(double) + size.n_samples * words;
      return {all, all};
    }
    case Method::kmeans:
      return kmeans_memory(size, request.kmeans);
    case Method::random: {
      const std::uint64_t drawing = random_picks_memory(size.n_rows, size.n_samples);
      return {drawing, drawing + size.n_samples * words};
    }
  }
  return {};
}

}  // namespace

std::vector<SelectionSize> selection_parts(const AnyMatrix& embeddings,
                                           const SelectionRequest& request, unsigned n_threads) {
  SelectionSize size;
  size.n_rows = embeddings.n_rows;
  size.n_columns = embeddings.n_columns;
  size.n_samples = request.n_samples;
  size.element_bytes = element_bytes(embeddings.element);
  size.is_cosine = measured_metric(request) == Metric::cosine;
  size.n_threads = n_threads == 0 ? available_processors() : n_threads;
  const PerClass per_class = request.stratified ? PerClass::proportional : request.per_class;
  if (per_class == PerClass::none) {
    return {size};
  }
  std::vector<SelectionSize> sizes;
  for (const ClassBudget& budget : class_budgets(request.labels, request.n_samples, per_class)) {
    if (budget.budget > 0) {
      sizes.push_back(size);
      sizes.back().n_rows = budget.rows.size();
      sizes.back().n_samples = budget.budget;
    }
  }
  return sizes;
}

MemoryNeed predicted_memory(const AnyMatrix& embeddings, const SelectionRequest& request,
                            unsigned n_threads) {
  const std::vector<SelectionSize> sizes = selection_parts(embeddings, request, n_threads);
  const std::uint64_t summary = column_summary_memory(embeddings.n_columns);
  // One class after the other.
  MemoryNeed need{summary, summary};
  for (const SelectionSize& size : sizes) {
    need = larger_of(need, method_memory(size, request));
  }
  const std::uint64_t n = embeddings.n_rows;
  const std::uint64_t k = request.n_samples;
  const std::uint64_t initial = request.initial_subset.size() * sizeof(std::size_t);
  const std::uint64_t picks = k * (sizeof(std::size_t) + sizeof(double));
  // The means of the columns, and small parts that belong to no method.
  const std::uint64_t always = initial + (embeddings.n_columns + 1024) * 3 * sizeof(double);
  need = need + MemoryNeed{always, always + n / 8};
  if (request.per_class != PerClass::none || request.stratified) {
    if (request.method == Method::top_k) {
      // Lists of different lengths, class after class, fragment memory.
      need.likely += need.likely * 3 / 10;
    }
    // The rows of every class; picks of all classes, and their order.
    const std::uint64_t rows = n * sizeof(std::int64_t);
    need = larger_of(need + MemoryNeed{rows + picks, rows + 2 * picks},
                     {rows + 5 * picks, rows + 7 * picks});
  } else {
    // Returning the picks after the method has freed everything else.
    need = larger_of(need, {always + 2 * picks, always + 2 * picks});
  }
  // The allocator's overhead and the threads' stacks.
  const unsigned threads = n_threads == 0 ? available_processors() : n_threads;
  need.at_most += need.at_most / 256 + std::uint64_t{threads} * 32768;
  return need;
}

}  // namespace thinset
