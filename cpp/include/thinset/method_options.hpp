/// @file
/// The options of the selection methods.
#pragma once

#include <cstddef>
#include <limits>
#include <string_view>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

enum class TopKMode { max, min, abs };

TopKMode top_k_mode_from_name(std::string_view name);

struct TopKOptions {
  /// Which activations count as strong: the largest, the smallest, or the largest in magnitude.
  TopKMode mode = TopKMode::max;
  /// Choose exactly k rows, in rounds: in each round, every element takes its best row not yet
  /// chosen. Otherwise, the union of every element's k / D best rows (the first k mod D elements
  /// take one more), which is smaller if elements share rows.
  bool refill = true;
  /// Ignore elements that have the same value in every row: they would contribute arbitrary rows.
  bool drop_constant = false;
  /// The largest number of extra rows kept per element after the first pass. Changes no result.
  std::size_t max_depth = std::numeric_limits<std::size_t>::max();
};

/// The first centres: k-means++ (Arthur and Vassilvitskii 2007) or k rows drawn at random.
enum class Seeding { plus_plus, random };

Seeding seeding_from_name(std::string_view name);

struct KMeansOptions {
  /// The largest number of Lloyd iterations; stops earlier if no row changes its cluster.
  std::size_t n_iterations = 10;
  Seeding seeding = Seeding::plus_plus;
};

/// What facility_location sums up: the distances of rows to their nearest chosen row, or their
/// similarities to the most similar one (thinset/methods/facility_location.hpp).
enum class CoverageKernel { distance, gaussian, cosine };

CoverageKernel coverage_kernel_from_name(std::string_view name);

struct FacilityLocationOptions {
  CoverageKernel kernel = CoverageKernel::distance;
  /// Of the Gaussian kernel exp(-d^2 / (2 bandwidth^2)); 0 for the median distance of a sample of
  /// the rows (SelectionResult::bandwidth).
  double bandwidth = 0.0;
};

}  // namespace THINSET_API thinset
