// k-means: one representative row per cluster.
#pragma once

#include <cstddef>
#include <string_view>

#include "thinset/matrix_view.hpp"
#include "thinset/memory_need.hpp"
#include "thinset/parallel_for.hpp"
#include "thinset/picks.hpp"
#include "thinset/random.hpp"

namespace thinset {

// Where the centres start: k-means++ (Arthur and Vassilvitskii 2007) or k rows drawn at random.
enum class Seeding { plus_plus, random };

Seeding seeding_from_name(std::string_view name);

struct KMeansOptions {
  // Lloyd iterations at most; it ends earlier once no row changes its cluster.
  std::size_t n_iterations = 10;
  Seeding seeding = Seeding::plus_plus;
};

// Seeding, then Lloyd iterations with squared Euclidean distances; of every cluster the
// row nearest to its centre is picked (ties within 1e-12 of the squared distance: lower row). No
// cluster is ever empty: one that would be takes the row furthest from its own centre. Picks are
// ordered by cluster size, the largest first (ties: lower row); gains are the sizes. The result
// depends on `random` alone, not on the number of threads.
template <class T>
Picks kmeans(const Rows<T>& rows, std::size_t k, const KMeansOptions& options, Random& random,
             Job& job);

MemoryNeed kmeans_memory(const SelectionSize& size, const KMeansOptions& options);

}  // namespace thinset
