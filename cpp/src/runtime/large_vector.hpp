// Vectors for data of many megabytes that is read again and again.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace thinset {

// Asks the system for large pages where there is room for some: an address on a page of 4 KiB is
// looked up far more often than one on a page of 2 MiB. Only whole large pages are asked for, so
// no memory is used beyond the values.
template <class T>
struct LargePages {
  using value_type = T;

  LargePages() = default;
  template <class U>
  explicit LargePages(const LargePages<U>& /*other*/) {}

  [[nodiscard]] T* allocate(std::size_t n) {
    const std::size_t bytes = n * sizeof(T);
    if (bytes < least_bytes) {
      return std::allocator<T>().allocate(n);
    }
    void* memory = ::operator new(bytes, std::align_val_t{page_bytes});
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    // Without large pages the data is as right as with them.
    static_cast<void>(::madvise(memory, bytes / page_bytes * page_bytes, MADV_HUGEPAGE));
#endif
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t n) {
    if (n * sizeof(T) < least_bytes) {
      std::allocator<T>().deallocate(memory, n);
    } else {
      ::operator delete(memory, std::align_val_t{page_bytes});
    }
  }

  friend bool operator==(const LargePages& /*a*/, const LargePages& /*b*/) { return true; }

 private:
  static constexpr std::size_t page_bytes = std::size_t{2} << 20;
  static constexpr std::size_t least_bytes = 2 * page_bytes;
};

template <class T>
using LargeVector = std::vector<T, LargePages<T>>;

}  // namespace thinset
