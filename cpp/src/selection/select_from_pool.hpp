// Selections on terms: with rows left out, rows elsewhere, scores, groups, costs or distances.
#pragma once

#include "thinset/matrix_view.hpp"
#include "thinset/selection.hpp"

namespace thinset {

// select() for a request whose choice is not free.
SelectionResult select_from_pool(const AnyMatrix& embeddings, const SelectionRequest& request,
                                 Job& job);

}  // namespace thinset
