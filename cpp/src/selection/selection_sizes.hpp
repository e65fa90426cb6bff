// Splits a selection into its parts.
#pragma once

#include <vector>

#include "rows/selection_size.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/selection.hpp"

namespace thinset {

// The parts of a selection: all rows, or one class after the other.
std::vector<SelectionSize> selection_sizes(const AnyMatrix& embeddings,
                                           const SelectionRequest& request, unsigned n_threads);

}  // namespace thinset
