// Top-k activations: Eq. 4 of "Faster Training by Selecting Samples Using Embeddings".
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "thinset/matrix_view.hpp"
#include "thinset/memory_need.hpp"
#include "thinset/parallel_for.hpp"
#include "thinset/picks.hpp"

namespace thinset {

enum class TopKMode { max, min, abs };

TopKMode top_k_mode_from_name(std::string_view name);

struct TopKOptions {
  // Which activations count as strong: the largest, the smallest, or the largest in magnitude.
  TopKMode mode = TopKMode::max;
  // Deal the elements out in rounds, each taking its best row that nobody has yet, until exactly k
  // rows are chosen. Without it: the union of every element's k / D best rows (the first k mod D
  // elements take one more), which is smaller where elements share rows.
  bool refill = true;
  // Leave out elements that have the same value in every row: they would hand over arbitrary rows.
  bool drop_constant = false;
  // At most so many rows per element are kept beyond what the first pass needs. Changes no result.
  std::size_t max_depth = std::numeric_limits<std::size_t>::max();
};

struct TopKPicks {
  Picks picks;
  // Elements that have the same value in every row.
  std::vector<std::size_t> constant_columns;
};

// Picks in the order they are dealt; gains are the activations that earned them. Rows of `initial`
// come first and count as taken. Requires 1 <= k <= rows.size(). Ties go to the lower row. Throws
// InvalidInput that names the first row and column holding NaN or infinity.
//
// One pass over the rows: each is compared with the worst score that every element still admits, as
// a sample of the rows suggests it at first, so that few values are kept and fewer sorted.
template <class T>
TopKPicks top_k(const Rows<T>& rows, std::size_t k, const TopKOptions& options,
                std::span<const std::size_t> initial, Job& job);

// Values may be so that more rows per element are kept than the first pass keeps; max_depth then
// holds the need down.
MemoryNeed top_k_memory(const SelectionSize& size, const TopKOptions& options);

// The largest max_depth whose need stays within `bytes`. Passes are spent to save memory.
std::uint64_t deepest_within(const SelectionSize& size, const TopKOptions& options,
                             std::uint64_t bytes);

}  // namespace thinset
