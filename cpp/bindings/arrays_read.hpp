// The arrays that one native call reads, and the checks of those in mapped files.
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
  bool is_broken = false;  // some pages were replaced by zeros
};

// Guards arrays while a call reads them. A mapped file can become shorter before the call, while
// it runs, or by less than a page, which raises no signal. Lengths are therefore compared before
// and after.
class ArraysRead {
 public:
  // `what` is used in messages if the name of the file is unknown: "embeddings".
  void add(const pybind11::array& array, const char* what);
  void add(const Embeddings& embeddings, const char* what = "embeddings");

  void watch(Job& job) const;

  // Throws FormatError if a file is shorter than its mapping. Needs the GIL, and no Python
  // exception set.
  void check();

 private:
  struct Source {
    std::string name;
    MappingGuard guard;
    MappedArray* file = nullptr;  // mapped by open_npy
    pybind11::object mapping;     // an mmap.mmap, as in numpy.memmap
    std::uint64_t n_bytes = 0;    // required of the file of `mapping`
  };

  static void note_missing_pages(Source& source);

  std::deque<Source> sources_;
};

}  // namespace thinset::bindings
