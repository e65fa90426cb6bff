// Facility location: a few rows that are close to all rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "methods/picks.hpp"
#include "methods/terms.hpp"
#include "rows/distance.hpp"
#include "rows/loss.hpp"
#include "rows/rows.hpp"
#include "thinset/method_options.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Greedy facility location (the objective of k-medoids; Nemhauser, Wolsey and Fisher 1978, lazily:
// Minoux 1978). The cost of a set is the summed distance of every row to its nearest row of the
// set; each pick is the row that lowers the cost most, and its gain is the decrease. The first
// pick, unless `initial` names it, is the row with the smallest summed distance, and its gain is
// minus that sum: the gains of the first t picks add up to minus their cost. Ties go to the lower
// row; sums are those of BlockSum. Requires 1 <= k <= rows.size() and initial.size() <= k, and with
// the Gaussian kernel a bandwidth within those of Loss.
//
// With a similarity as kernel, the value of a set is the coverage, the summed similarity of every
// row to the most similar row of the set. Minus the similarity takes the place of the distance, and
// the gains of the first t picks add up to their coverage. The cosine similarity is 1 - d with the
// cosine distance d: the picks are those of the cosine distance, whatever `metric` is.
//
// With terms.weights, rows compete by gain times weight, and gains are reported times their factor.
// Every row then starts at a loss that no pick exceeds, so that the first gain is positive too: for
// distances twice the largest one from `mean` (squared: four times; cosine: 2), for Gaussian
// similarities 0. May pick fewer than k rows, if the limits leave no more.
template <class T>
Picks facility_location(const Rows<T>& rows, const std::vector<double>& mean, std::size_t k,
                        Metric metric, const FacilityLocationOptions& options,
                        std::span<const std::size_t> initial, Terms& terms, Job& job);

// What rows lose by being represented by others.
Loss loss_of(const FacilityLocationOptions& options, Metric metric);

// An upper bound on its bytes for float32 screens and their results, without the picks.
std::uint64_t facility_location_memory(std::uint64_t n_rows, std::uint64_t n_columns,
                                       unsigned n_threads);

}  // namespace thinset
