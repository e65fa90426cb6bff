// The picks of any method from one view of the rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "methods/facility_location.hpp"
#include "methods/kmeans.hpp"
#include "methods/local_search.hpp"
#include "methods/max_min.hpp"
#include "methods/max_sum.hpp"
#include "methods/random_picks.hpp"
#include "methods/terms.hpp"
#include "methods/top_k.hpp"
#include "rows/column_summary.hpp"
#include "thinset/error.hpp"
#include "thinset/random.hpp"
#include "thinset/selection.hpp"

namespace thinset {

inline bool measures_distances(Method method) {
  return method != Method::top_k && method != Method::random;
}

// Cosine distances depend on directions; DistanceMeter checks the norms of rows.
inline bool measures_spans(const SelectionRequest& request) {
  return measures_distances(request.method) &&
         (request.metric != Metric::cosine || request.method == Method::kmeans);
}

template <class T>
Picks pick(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k,
           const SelectionRequest& request, std::span<const std::size_t> initial, Terms& terms,
           Random& random, Job& job) {
  switch (request.method) {
    case Method::top_k:
      return top_k(rows, k, request.top_k, initial, terms, job).picks;
    case Method::max_sum: {
      Picks picks = max_sum(rows, summary, k, request.metric, initial, terms, job);
      swap_for_sum(rows, request.metric, initial.size(), request.max_swaps, picks, job);
      return picks;
    }
    case Method::max_min:
      return max_min(rows, summary, k, request.metric, initial, terms, job);
    case Method::facility_location:
      return facility_location(rows, k, request.metric, initial, job);
    case Method::kmeans:
      return kmeans(rows, k, request.kmeans, terms, random, job);
    case Method::random:
      return random_picks(rows.size(), k, initial, terms, random);
  }
  throw InvalidInput("unknown method");
}

// The progress units of select().
inline std::uint64_t units_of_work(const SelectionRequest& request, std::size_t n_samples) {
  return request.method == Method::kmeans ? n_samples + request.kmeans.n_iterations + 1 : n_samples;
}

}  // namespace thinset
