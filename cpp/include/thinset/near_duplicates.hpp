/// @file
/// Finds (nearly) equal rows exactly and groups them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "thinset/api.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"

namespace THINSET_API thinset {

/// Links every two rows whose distance is at most `distance`; rows connected by a chain of links
/// form a group (single linkage). Returns the lowest row of each row's group. Needs O(N) memory.
///
/// `rows`: the only rows that are read, ascending; empty for all. Every other row is a group of its
/// own.
///
/// Throws InvalidInput for a distance that is negative or not a number, for an empty matrix, for
/// `rows` that are not ascending rows of it, and for values that are not finite.
std::vector<std::int64_t> group_near_duplicates(const AnyMatrix& embeddings, double distance,
                                                Metric metric, Job& job,
                                                std::span<const std::int64_t> rows = {});

/// For each row, the lowest row of `against` whose distance is at most `distance`, or -1. Both
/// matrices have one width and one element type. `rows`: as above; every other row gets -1. Memory
/// and errors as above.
std::vector<std::int64_t> match_near_duplicates(const AnyMatrix& embeddings,
                                                const AnyMatrix& against, double distance,
                                                Metric metric, Job& job,
                                                std::span<const std::int64_t> rows = {});

}  // namespace THINSET_API thinset
