// The picks of any method from one view of the rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "methods/bandwidth.hpp"
#include "methods/facility_location.hpp"
#include "methods/kmeans.hpp"
#include "methods/local_search.hpp"
#include "methods/max_min.hpp"
#include "methods/max_min_swaps.hpp"
#include "methods/max_sum.hpp"
#include "methods/medoid_swaps.hpp"
#include "methods/random_picks.hpp"
#include "methods/terms.hpp"
#include "methods/top_k.hpp"
#include "rows/column_summary.hpp"
#include "thinset/error.hpp"
#include "thinset/random.hpp"
#include "thinset/selection.hpp"

namespace thinset {

inline bool is_gaussian(const SelectionRequest& request) {
  return request.method == Method::facility_location &&
         request.facility_location.kernel == CoverageKernel::gaussian;
}

inline bool measures_distances(Method method) {
  return method != Method::top_k && method != Method::random;
}

// Cosine distances depend on directions; DistanceMeter checks the norms of rows.
inline bool measures_spans(const SelectionRequest& request) {
  return measures_distances(request.method) &&
         (measured_metric(request) != Metric::cosine || request.method == Method::kmeans);
}

// The rows that exchanges may put in; none are asked for without exchanges.
inline std::vector<bool> open_rows(std::size_t n, const SelectionRequest& request,
                                   const Terms& terms) {
  std::vector<bool> is_open(request.max_swaps == 0 ? 0 : n);
  for (std::size_t row = 0; row < is_open.size(); ++row) {
    is_open[row] = terms.is_open(row);
  }
  return is_open;
}

template <class T>
Picks pick_spread(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k,
                  const SelectionRequest& request, std::span<const std::size_t> initial,
                  Terms& terms, Job& job) {
  const std::vector<bool> is_open = open_rows(rows.size(), request, terms);
  Picks picks = max_min(rows, summary, k, request.metric, initial, terms, job);
  swap_for_smallest(rows, request.metric, initial.size(), request.max_swaps, is_open, picks, job);
  if (!picks.swaps.empty()) {
    // The gains of these rows in this order.
    Terms plain;
    picks.gains =
        max_min(rows, summary, picks.rows.size(), request.metric, picks.rows, plain, job).gains;
  }
  return picks;
}

template <class T>
Picks pick_medoids(const Rows<T>& rows, const std::vector<double>& mean, std::size_t k,
                   const SelectionRequest& request, std::span<const std::size_t> initial,
                   Terms& terms, Job& job) {
  const FacilityLocationOptions& options = request.facility_location;
  const std::vector<bool> is_open = open_rows(rows.size(), request, terms);
  Picks picks = facility_location(rows, mean, k, request.metric, options, initial, terms, job);
  swap_medoids(rows, loss_of(options, request.metric), initial.size(), request.max_swaps, is_open,
               picks, job);
  if (!picks.swaps.empty()) {
    // The gains of these rows in this order.
    Terms plain;
    picks.gains = facility_location(rows, mean, picks.rows.size(), request.metric, options,
                                    picks.rows, plain, job)
                      .gains;
  }
  return picks;
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
      return pick_spread(rows, summary, k, request, initial, terms, job);
    case Method::facility_location:
      return pick_medoids(rows, summary.mean, k, request, initial, terms, job);
    case Method::kmeans:
      return kmeans(rows, summary, k, request.kmeans, terms, random, job);
    case Method::random:
      return random_picks(rows.size(), k, initial, terms, random);
  }
  throw InvalidInput("unknown method");
}

// The request with the bandwidth that it leaves to the data.
template <class T>
SelectionRequest with_bandwidth(const Rows<T>& rows, SelectionRequest request, Job& job) {
  if (is_gaussian(request) && request.facility_location.bandwidth == 0.0) {
    request.facility_location.bandwidth = median_distance(rows, request.metric, job);
  }
  return request;
}

// The progress units of select().
inline std::uint64_t units_of_work(const SelectionRequest& request, std::size_t n_samples) {
  return request.method == Method::kmeans ? n_samples + request.kmeans.n_iterations + 1 : n_samples;
}

}  // namespace thinset
