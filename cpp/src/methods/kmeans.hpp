// k-means: one representative row per cluster.
#pragma once

#include <cstddef>

#include "methods/picks.hpp"
#include "methods/terms.hpp"
#include "rows/column_summary.hpp"
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
// on the number of threads; kmeans_parts.hpp finds the same in rows that are in several places.
// `summary` is that of the rows.
//
// On terms: all rows are clustered, and open ones picked. In the order above (by the row nearest to
// each centre, open or not), every cluster gives its open row of the largest
//   weight / (squared distance to the centre + the mean of these over all rows and their own
//   centres)
// (ties within 1e-12: lower row); the mean is taken as 1 if it is 0, and without weights the
// nearest row is picked. Clusters without an open row come last, each with the best of all open
// rows. There may be fewer than k picks.
template <class T>
Picks kmeans(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k,
             const KMeansOptions& options, Terms& terms, Random& random, Job& job);

template <class T>
Picks kmeans(const Rows<T>& rows, std::size_t k, const KMeansOptions& options, Random& random,
             Job& job) {
  Terms plain;
  return kmeans(rows, summarise_columns(rows, job), k, options, plain, random, job);
}

MemoryNeed kmeans_memory(const SelectionSize& size, const KMeansOptions& options);

}  // namespace thinset
