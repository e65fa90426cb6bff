/// @file
/// Finds (nearly) equal rows exactly and groups them.
#pragma once

#include <cstdint>
#include <vector>

#include "thinset/api.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"

namespace THINSET_API thinset {

/// Links every two rows whose distance is at most `distance`; rows connected by a chain of links
/// form a group (single linkage). Returns the lowest row of each row's group. Needs O(N) memory.
///
/// Throws InvalidInput for a distance that is negative or not a number, for an empty matrix, and
/// for values that are not finite.
std::vector<std::int64_t> group_near_duplicates(const AnyMatrix& embeddings, double distance,
                                                Metric metric, Job& job);

/// For each row, the lowest row of `against` whose distance is at most `distance`, or -1. Both
/// matrices have one width and one element type. Memory and errors as above.
std::vector<std::int64_t> match_near_duplicates(const AnyMatrix& embeddings,
                                                const AnyMatrix& against, double distance,
                                                Metric metric, Job& job);

}  // namespace THINSET_API thinset
