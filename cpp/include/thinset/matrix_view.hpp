// Embeddings: N rows of D elements, somewhere in memory or in mapped files.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "thinset/element.hpp"

namespace thinset {

class ShardTable;

// A matrix whose element type is known at run time. Rows are contiguous; row_stride counts
// elements.
struct AnyMatrix {
  const void* data = nullptr;
  Element element = Element::float32;
  std::size_t n_rows = 0;
  std::size_t n_columns = 0;
  std::size_t row_stride = 0;
  // Where the rows lie in more than one place; data and row_stride then say nothing.
  std::shared_ptr<const ShardTable> shards = nullptr;
};

// Several matrices, each in one place, as one: their rows run through in the order given, and stay
// where they are. Throws InvalidInput where there is none, or where one differs from the first in
// its columns or its element type.
AnyMatrix stack(std::span<const AnyMatrix> matrices);

}  // namespace thinset
