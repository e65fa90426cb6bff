#include <pybind11/numpy.h>

#include <memory>
#include <string>

#include "bindings.hpp"
#include "thinset/npy_array.hpp"

namespace py = pybind11;

namespace thinset::bindings {

void bind_npy(py::module_& module) {
  module.def(
      "open_npy",
      [](const std::string& path) {
        auto* file = new NpyArray(path);
        const py::capsule owner(file, [](void* p) { delete static_cast<NpyArray*>(p); });
        const NpyHeader& header = file->header();
        const std::vector<py::ssize_t> shape(header.shape.begin(), header.shape.end());
        py::array array(py::dtype(header.descr), shape, file->data(), owner);
        // The mapping is read-only.
        array.attr("setflags")(py::arg("write") = false);
        return array;
      },
      py::arg("path"),
      "Map a .npy file into memory: a read-only array that lies in the file. Raises FormatError "
      "where the file is truncated, corrupt or of a kind that is not read, and OSError.");
}

}  // namespace thinset::bindings
