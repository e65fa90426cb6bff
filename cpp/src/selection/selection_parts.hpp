// A selection split into parts, each done on its own.
#pragma once

#include <vector>

#include "rows/selection_size.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/selection.hpp"

namespace thinset {

// One part with all rows or, where the request selects inside classes, one for each class.
std::vector<SelectionSize> selection_parts(const AnyMatrix& embeddings,
                                           const SelectionRequest& request, unsigned n_threads);

}  // namespace thinset
