#include "selection/within_memory.hpp"

#include <algorithm>
#include <string>

#include "methods/top_k.hpp"
#include "selection/selection_parts.hpp"
#include "thinset/error.hpp"
#include "thinset/estimate.hpp"

namespace thinset {

SelectionRequest within_memory(const AnyMatrix& embeddings, const SelectionRequest& request,
                               unsigned n_threads) {
  SelectionRequest bounded = request;
  if (request.max_memory == 0) {
    return bounded;
  }
  const std::uint64_t needed = predicted_memory(embeddings, request, n_threads).at_most;
  if (needed > request.max_memory) {
    throw InvalidInput("max_memory is " + std::to_string(request.max_memory) +
                       " bytes, but this selection may need " + std::to_string(needed) +
                       " beyond the embeddings; fewer threads or samples need less");
  }
  if (request.method == Method::top_k) {
    const std::uint64_t spare = request.max_memory - needed;
    for (const SelectionSize& size : selection_parts(embeddings, request, n_threads)) {
      const std::uint64_t own = top_k_memory(size, request.top_k).at_most;
      bounded.top_k.max_depth = std::min<std::size_t>(
          bounded.top_k.max_depth, deepest_within(size, request.top_k, own + spare));
    }
  }
  return bounded;
}

}  // namespace thinset
