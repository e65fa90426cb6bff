// A selection as the parts that it is done in.
#pragma once

#include <vector>

#include "rows/selection_size.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/selection.hpp"

namespace thinset {

// The parts that a selection is done in: all rows, or one class after the other.
std::vector<SelectionSize> selection_sizes(const AnyMatrix& embeddings,
                                           const SelectionRequest& request, unsigned n_threads);

}  // namespace thinset
