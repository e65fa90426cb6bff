// Adapts a request to max_memory.
#pragma once

#include "thinset/matrix_view.hpp"
#include "thinset/selection.hpp"

namespace thinset {

// The request, adapted to max_memory. Throws InvalidInput if it may need more.
SelectionRequest within_memory(const AnyMatrix& embeddings, const SelectionRequest& request,
                               unsigned n_threads);

}  // namespace thinset
