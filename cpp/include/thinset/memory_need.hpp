// How the memory that a selection takes is told before it takes it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace thinset {

// Bytes beyond the embeddings at the moment when they are most.
struct MemoryNeed {
  std::uint64_t likely = 0;   // memory that is written to
  std::uint64_t at_most = 0;  // memory that is asked for, whatever the values

  friend MemoryNeed operator+(const MemoryNeed& a, const MemoryNeed& b) {
    return {a.likely + b.likely, a.at_most + b.at_most};
  }
};

// The need of one thing that is done after the other is let go.
inline MemoryNeed larger_of(const MemoryNeed& a, const MemoryNeed& b) {
  return {std::max(a.likely, b.likely), std::max(a.at_most, b.at_most)};
}

// All that the need of a method may depend on, besides its options.
struct SelectionSize {
  std::uint64_t n_rows = 0;
  std::uint64_t n_columns = 0;
  std::uint64_t n_samples = 0;
  std::uint64_t element_bytes = 0;
  bool is_cosine = false;
  unsigned n_threads = 1;
};

}  // namespace thinset
