/// @file
/// The memory that a selection needs, predicted before it starts.
#pragma once

#include <cstdint>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

/// Peak bytes in addition to the embeddings.
struct MemoryNeed {
  std::uint64_t likely = 0;   ///< memory that is written to
  std::uint64_t at_most = 0;  ///< memory that is allocated, whatever the values

  friend MemoryNeed operator+(const MemoryNeed& a, const MemoryNeed& b) {
    return {a.likely + b.likely, a.at_most + b.at_most};
  }
};

}  // namespace THINSET_API thinset
