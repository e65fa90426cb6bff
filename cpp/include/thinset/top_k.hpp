// Top-k activations: Eq. 4 of "Faster Training by Selecting Samples Using Embeddings".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "thinset/column_summary.hpp"
#include "thinset/matrix_view.hpp"
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
};

// Picks in the order they are dealt; gains are the activations that earned them. Rows of `initial`
// come first and count as taken. `summary` is that of `rows`.
// Requires 1 <= k <= rows.size(). Ties go to the lower row.
template <class T>
Picks top_k(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k,
            const TopKOptions& options, std::span<const std::size_t> initial, Job& job);

}  // namespace thinset
