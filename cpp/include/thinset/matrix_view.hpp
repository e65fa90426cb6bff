/// @file
/// Embeddings: N rows of D elements, somewhere in memory or in mapped files.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "thinset/api.hpp"
#include "thinset/element.hpp"

namespace thinset {

class ShardTable;

}  // namespace thinset

namespace THINSET_API thinset {

/// A matrix whose element type is known at run time. Rows are contiguous; row_stride counts
/// elements.
struct AnyMatrix {
  const void* data = nullptr;
  Element element = Element::float32;
  std::size_t n_rows = 0;
  std::size_t n_columns = 0;
  std::size_t row_stride = 0;
  /// Set if the rows are in several shards; data and row_stride are then unused.
  std::shared_ptr<const ShardTable> shards = nullptr;
};

/// Several contiguous matrices as one: their rows are numbered consecutively and not copied. Throws
/// InvalidInput if there is none, or if one differs from the first in its number of columns or
/// element type.
AnyMatrix stack(std::span<const AnyMatrix> matrices);

}  // namespace THINSET_API thinset
