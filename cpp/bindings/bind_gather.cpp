#include <string>

#include "bindings.hpp"
#include "numpy_view.hpp"
#include "python_monitor.hpp"
#include "thinset/gather.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

void gather_file(const std::string& source, const Int64Array& indices,
                 const std::string& destination, unsigned n_threads, const py::object& progress) {
  const std::span<const std::int64_t> rows = int64_view(indices, "indices");
  ArraysRead arrays;
  arrays.add(indices, "indices");
  run_without_gil(n_threads, progress, arrays,
                  [&](Job& job) { gather(source, rows, destination, job); });
}

void gather_array(const py::array& source, const Int64Array& indices,
                  const std::string& destination, unsigned n_threads, const py::object& progress) {
  const std::span<const std::int64_t> rows = int64_view(indices, "indices");
  if (source.ndim() == 0 || (source.flags() & py::array::c_style) == 0) {
    throw InvalidInput("the source of a gather must be a C-contiguous array of at least one axis");
  }
  const std::string descr = py::str(source.dtype().attr("str"));
  if (descr[1] == 'O' || descr[1] == 'V') {
    throw InvalidInput("the source of a gather must hold plain numbers or text, got " +
                       std::string(py::str(source.dtype())));
  }
  const auto n_rows = static_cast<std::uint64_t>(source.shape(0));
  const std::vector<std::uint64_t> row_shape(source.shape() + 1, source.shape() + source.ndim());
  auto row_bytes = static_cast<std::size_t>(source.itemsize());
  for (const std::uint64_t length : row_shape) {
    row_bytes *= length;
  }
  const std::span bytes(static_cast<const std::byte*>(source.data()),
                        static_cast<std::size_t>(source.nbytes()));
  ArraysRead arrays;
  arrays.add(source, "rows");
  arrays.add(indices, "indices");
  run_without_gil(n_threads, progress, arrays, [&](Job& job) {
    gather(bytes, descr, n_rows, row_shape, row_bytes, rows, destination, job);
  });
}

}  // namespace

void bind_gather(py::module_& module) {
  constexpr const char* doc =
      "Write a new .npy file at `destination` whose row i is row indices[i] of `source`, a .npy "
      "file "
      "or a C-contiguous array. The file is written atomically.";
  module.def("gather", &gather_file, py::arg("source"), py::arg("indices"), py::arg("destination"),
             py::kw_only(), py::arg("n_threads") = 0, py::arg("progress") = py::none(), doc);
  module.def("gather", &gather_array, py::arg("source"), py::arg("indices"), py::arg("destination"),
             py::kw_only(), py::arg("n_threads") = 0, py::arg("progress") = py::none(), doc);
}

}  // namespace thinset::bindings
