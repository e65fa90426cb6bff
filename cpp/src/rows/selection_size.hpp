// The sizes that the memory of a method depends on.
#pragma once

#include <algorithm>
#include <cstdint>

#include "thinset/memory_need.hpp"

namespace thinset {

// Everything that the memory of a method may depend on, besides its options.
struct SelectionSize {
  std::uint64_t n_rows = 0;
  std::uint64_t n_columns = 0;
  std::uint64_t n_samples = 0;
  std::uint64_t element_bytes = 0;
  bool is_cosine = false;
  unsigned n_threads = 1;
};

// The memory of two steps, if the second starts after the first has freed its memory.
inline MemoryNeed larger_of(const MemoryNeed& a, const MemoryNeed& b) {
  return {std::max(a.likely, b.likely), std::max(a.at_most, b.at_most)};
}

}  // namespace thinset
