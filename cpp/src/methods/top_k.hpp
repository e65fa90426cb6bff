// Top-k activations: Eq. 4 of "Faster Training by Selecting Samples Using Embeddings".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "methods/picks.hpp"
#include "methods/terms.hpp"
#include "rows/rows.hpp"
#include "rows/selection_size.hpp"
#include "simd/row_kernels.hpp"
#include "thinset/method_options.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

ScoreOf score_for(TopKMode mode);

struct TopKPicks {
  Picks picks;
  // Elements that have the same value in every row.
  std::vector<std::size_t> constant_columns;
};

// Picks in the order they are dealt; gains are the activations that earned them. Rows of `initial`
// come first and count as taken. Requires 1 <= k <= rows.size(). Ties go to the lower row. Throws
// InvalidInput that names the first row and column holding NaN or infinity.
//
// One pass over the rows: each is compared with the worst score that every element still admits,
// first estimated from a sample of the rows, so that few values are kept and fewer sorted.
//
// On terms: rows rank by score * weight, and gains are activation * factor. There may be fewer than
// k picks, because rows may be closed; with refill, a closed row is skipped, without, its turn is
// lost.
template <class T>
TopKPicks top_k(const Rows<T>& rows, std::size_t k, const TopKOptions& options,
                std::span<const std::size_t> initial, Terms& terms, Job& job);

template <class T>
TopKPicks top_k(const Rows<T>& rows, std::size_t k, const TopKOptions& options,
                std::span<const std::size_t> initial, Job& job) {
  Terms plain;
  return top_k(rows, k, options, initial, plain, job);
}

// Depending on the values, more rows per element may be kept than in the first pass; max_depth
// limits the memory.
MemoryNeed top_k_memory(const SelectionSize& size, const TopKOptions& options);

// The largest max_depth whose need stays within `bytes`. Additional passes save memory.
std::uint64_t deepest_within(const SelectionSize& size, const TopKOptions& options,
                             std::uint64_t bytes);

}  // namespace thinset
