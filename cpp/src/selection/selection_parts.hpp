// A selection split into independent parts.
#pragma once

#include <vector>

#include "rows/selection_size.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/selection.hpp"

namespace thinset {

// One part with all rows, or one per class if the request selects within classes.
std::vector<SelectionSize> selection_parts(const AnyMatrix& embeddings,
                                           const SelectionRequest& request, unsigned n_threads);

}  // namespace thinset
