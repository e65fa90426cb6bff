// Rows that are (nearly) the same, found exactly and put into groups.
#pragma once

#include <cstdint>
#include <vector>

#include "thinset/matrix_view.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Links every two rows whose distance is at most `distance`; rows that a chain of links joins are a
// group (single linkage). Gives for each row the lowest row of its group. Needs O(N) memory, and
// that of a Projection of a few thousand rows.
//
// Throws InvalidInput for a distance that is negative or not a number, for an empty matrix, and for
// values that are not finite.
std::vector<std::int64_t> group_near_duplicates(const AnyMatrix& embeddings, double distance,
                                                Metric metric, Job& job);

}  // namespace thinset
