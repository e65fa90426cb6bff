// k-means: one representative row per cluster.
#pragma once

#include <cstddef>

#include "methods/picks.hpp"
#include "rows/rows.hpp"
#include "rows/selection_size.hpp"
#include "thinset/method_options.hpp"
#include "thinset/parallel_for.hpp"
#include "thinset/random.hpp"

namespace thinset {

// Seeding, then Lloyd iterations with squared Euclidean distances; the row nearest to each centre
// is picked (ties within 1e-12 of the squared distance: lower row). No cluster is ever empty: an
// empty cluster takes the row furthest from its own centre. Picks are ordered by cluster size, the
// largest first (ties: lower row); gains are the sizes. The result depends on `random` alone, not
// on the number of threads.
template <class T>
Picks kmeans(const Rows<T>& rows, std::size_t k, const KMeansOptions& options, Random& random,
             Job& job);

MemoryNeed kmeans_memory(const SelectionSize& size, const KMeansOptions& options);

}  // namespace thinset
