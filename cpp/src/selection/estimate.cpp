#include "thinset/estimate.hpp"

#include <algorithm>
#include <vector>

#include "methods/bandwidth.hpp"
#include "methods/facility_location.hpp"
#include "methods/kmeans.hpp"
#include "methods/max_min.hpp"
#include "methods/max_min_swaps.hpp"
#include "methods/max_sum.hpp"
#include "methods/medoid_swaps.hpp"
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
    case Method::max_min: {
      const MemoryNeed greedy = max_min_memory(size);
      if (request.max_swaps == 0) {
        return greedy;
      }
      const std::uint64_t swaps =
          swap_for_smallest_memory(size) + size.n_samples * words + size.n_rows / 8;
      return larger_of(greedy, {swaps, swaps});
    }
    case Method::facility_location: {
      std::uint64_t bytes = facility_location_memory(size.n_rows, size.n_columns, size.n_threads);
      if (request.max_swaps > 0) {
        bytes = std::max(bytes, swap_medoids_memory(size));
      }
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
      const bool from_all_rows = request.initial_subset.empty() && request.choice.is_free();
      const std::uint64_t drawing = random_picks_memory(size.n_rows, size.n_samples, from_all_rows);
      return {drawing, drawing + size.n_samples * words};
    }
  }
  return {};
}

std::uint64_t n_samples_at_most(const AnyMatrix& embeddings, const SelectionRequest& request) {
  return request.n_samples == 0 ? embeddings.n_rows : request.n_samples;
}

// At most, for the pool and the terms: row numbers and flags; factors and weights, also those of
// the method; members of groups, and a table of them; costs in order; the sums that rows are drawn
// from.
std::uint64_t choice_memory(const AnyMatrix& embeddings, const SelectionRequest& request) {
  const Choice& choice = request.choice;
  if (choice.is_free()) {
    return 0;
  }
  const std::uint64_t n_existing = choice.existing ? choice.existing->n_rows : 0;
  std::uint64_t per_row = 40;
  per_row += choice.scores || choice.costs ? 64 : 0;
  per_row += choice.groups ? 112 : 0;
  per_row += choice.costs ? 48 : 0;
  per_row += choice.scores && request.method == Method::random ? 32 : 0;
  return (embeddings.n_rows + n_existing) * per_row + 4096;
}

}  // namespace

std::vector<SelectionSize> selection_parts(const AnyMatrix& embeddings,
                                           const SelectionRequest& request, unsigned n_threads) {
  SelectionSize size;
  const std::size_t n_existing = request.choice.existing ? request.choice.existing->n_rows : 0;
  size.n_rows = embeddings.n_rows + n_existing;
  size.n_columns = embeddings.n_columns;
  size.n_samples = n_samples_at_most(embeddings, request) + n_existing;
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
      sizes.back().n_rows = budget.rows.size() + n_existing;
      sizes.back().n_samples = budget.budget + n_existing;
    }
  }
  return sizes;
}

MemoryNeed predicted_memory(const AnyMatrix& embeddings, const SelectionRequest& request,
                            unsigned n_threads) {
  const std::vector<SelectionSize> sizes = selection_parts(embeddings, request, n_threads);
  const std::uint64_t summary = column_summary_memory(embeddings.n_columns, n_threads);
  // One class after the other.
  MemoryNeed need{summary, summary};
  for (const SelectionSize& size : sizes) {
    need = larger_of(need, method_memory(size, request));
  }
  const std::uint64_t n = embeddings.n_rows;
  const std::uint64_t k = n_samples_at_most(embeddings, request);
  const std::uint64_t of_choice = choice_memory(embeddings, request);
  need = need + MemoryNeed{of_choice, of_choice};
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
