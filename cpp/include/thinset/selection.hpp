/// @file
/// The entry point for all selection methods, used by the bindings and the binary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "thinset/api.hpp"
#include "thinset/choice.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/method_options.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"

namespace THINSET_API thinset {

/// Whether rows are chosen within each class, and how the classes share n_samples.
enum class PerClass { none, balanced, proportional };

enum class Method { top_k, max_sum, max_min, facility_location, kmeans, random };

Method method_from_name(std::string_view name);
PerClass per_class_from_name(std::string_view name);

/// floor(fraction * n_rows + 1/2), at least 1. Throws InvalidInput unless 0 < fraction <= 1.
std::size_t samples_of_fraction(double fraction, std::size_t n_rows);

struct SelectionRequest {
  Method method = Method::top_k;
  /// 0, with a budget or a min_distance: as many as these allow.
  std::size_t n_samples = 0;
  Metric metric = Metric::euclidean;
  /// One label per row, or empty. Required by per_class and by stratified.
  std::span<const std::int64_t> labels;
  PerClass per_class = PerClass::none;
  /// Rows already chosen: they come first in the result and count towards n_samples.
  std::span<const std::int64_t> initial_subset;
  Choice choice;
  std::uint64_t seed = 0;
  TopKOptions top_k;
  KMeansOptions kmeans;
  FacilityLocationOptions facility_location;
  bool stratified = false;
  /// The largest number of exchanges after the greedy choice, per class: of max_sum
  /// (local_search.hpp), max_min (max_min_swaps.hpp) and facility_location (medoid_swaps.hpp).
  std::size_t max_swaps = 0;
  /// The most bytes that the call may allocate in addition to the embeddings; 0 means no limit.
  std::uint64_t max_memory = 0;
};

/// The metric of the distances that the method measures: the cosine kernel has its own.
Metric measured_metric(const SelectionRequest& request);

struct SelectionResult {
  std::vector<std::int64_t> indices;
  std::vector<double> gains;
  /// Columns with one value in every row; top_k reports them, other methods leave this empty.
  std::vector<std::int64_t> constant_columns;
  /// What each exchange gained, class by class: the increase of the sum of pairwise distances or of
  /// the smallest distance (0 if fewer pairs have it), or the decrease of facility_location's cost.
  std::vector<double> swaps;
  /// With a budget: the summed costs of the rows, added in their order.
  double spent = 0.0;
  /// Of the Gaussian kernel of facility_location; otherwise 0.
  double bandwidth = 0.0;
};

/// Reads every value once, so that every method refuses NaN and infinity. Throws InvalidInput if a
/// constraint is broken (the message names it), and Interrupted.
SelectionResult select(const AnyMatrix& embeddings, const SelectionRequest& request, Job& job);

/// How many threads to give select() if the caller does not say: one if the work takes less time
/// than starting others, else all available processors.
unsigned threads_for(const AnyMatrix& embeddings, const SelectionRequest& request);

/// Refuses what select() refuses before it reads any value, except max_memory and the entries of
/// `choice`.
void check_request(const AnyMatrix& embeddings, const SelectionRequest& request);

}  // namespace THINSET_API thinset
