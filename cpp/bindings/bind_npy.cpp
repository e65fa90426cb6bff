#include <pybind11/numpy.h>

#include <memory>
#include <string>

#include "arrays_read.hpp"
#include "bindings.hpp"
#include "thinset/npy_array.hpp"

namespace py = pybind11;

namespace thinset::bindings {

void bind_npy(py::module_& module) {
  module.def(
      "open_npy",
      [](const std::string& path) {
        auto file = std::make_unique<MappedArray>(MappedArray{NpyArray(path)});
        const NpyArray& opened = file->array;
        const py::capsule owner(file.get(), MappedArray::capsule_name, [](PyObject* capsule) {
          delete static_cast<MappedArray*>(
              PyCapsule_GetPointer(capsule, MappedArray::capsule_name));
        });
        file.release();
        const NpyHeader& header = opened.header();
        const std::vector<py::ssize_t> shape(header.shape.begin(), header.shape.end());
        py::array array(py::dtype(header.descr), shape, opened.data(), owner);
        // The mapping is read-only.
        array.attr("setflags")(py::arg("write") = false);
        return array;
      },
      py::arg("path"),
      "Map a .npy file into memory: a read-only array backed by the file. Raises FormatError if "
      "the file is truncated, corrupt or unsupported, and OSError.");
}

}  // namespace thinset::bindings
