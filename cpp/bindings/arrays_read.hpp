// The arrays that one native call reads: where they lie in mapped files, what may go wrong there.
#pragma once

#include <pybind11/numpy.h>

#include <deque>
#include <string>

#include "numpy_view.hpp"
#include "thinset/mapping_guard.hpp"
#include "thinset/npy_array.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset::bindings {

// A .npy file that open_npy mapped, held by a capsule under its array.
struct MappedArray {
  static constexpr const char* capsule_name = "thinset.MappedArray";

  NpyArray array;
  bool is_broken = false;  // pages of it were replaced by zeros
};

// Guards arrays while a call reads them. A mapped file can become shorter before the call, while
// it runs, or by less than a page, which nothing signals: so lengths are compared before and after.
class ArraysRead {
 public:
  // `what` stands in messages where the name of the file is not known: "embeddings".
  void add(const pybind11::array& array, const char* what);
  void add(const Embeddings& embeddings);

  void watch(Job& job) const;

  // Throws FormatError where a file is shorter than its mapping. Needs the GIL, and no Python
  // exception set.
  void check();

 private:
  struct Source {
    std::string name;
    MappingGuard guard;
    MappedArray* file = nullptr;  // what open_npy mapped
    pybind11::object mapping;     // an mmap.mmap, as numpy.memmap has it
    std::uint64_t n_bytes = 0;    // that the file of `mapping` must have
  };

  static void note_missing_pages(Source& source);

  std::deque<Source> sources_;
};

}  // namespace thinset::bindings
