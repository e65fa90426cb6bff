#include <optional>
#include <string>
#include <utility>

#include "bindings.hpp"
#include "numpy_view.hpp"
#include "python_monitor.hpp"
#include "thinset/nearest.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

using Float64Array = py::array_t<double, py::array::c_style>;

py::tuple nearest(const Embeddings& queries, const Embeddings& reference, std::size_t k,
                  const std::optional<Int64Array>& skipped, unsigned n_threads,
                  const py::object& progress, bool bfloat16) {
  const AnyMatrix query_rows = matrix_view(queries, bfloat16);
  const AnyMatrix reference_rows = matrix_view(reference, bfloat16);
  std::span<const std::int64_t> rows_to_skip;
  ArraysRead arrays;
  arrays.add(queries);
  arrays.add(reference);
  if (skipped) {
    rows_to_skip = int64_view(*skipped, "skipped");
    arrays.add(*skipped, "skipped");
  }
  NearestRows found = run_without_gil(n_threads, progress, arrays, [&](Job& job) {
    return nearest_rows(query_rows, reference_rows, k, rows_to_skip, job);
  });
  const auto shape = [&](auto&& array) {
    return array.reshape({static_cast<py::ssize_t>(query_rows.n_rows), py::ssize_t{-1}});
  };
  return py::make_tuple(shape(numpy_array(std::move(found.indices))),
                        shape(numpy_array(std::move(found.distances))));
}

py::tuple balls(const Embeddings& centres, const Float64Array& radii, const Embeddings& points,
                unsigned n_threads, const py::object& progress, bool bfloat16) {
  const AnyMatrix centre_rows = matrix_view(centres, bfloat16);
  const AnyMatrix point_rows = matrix_view(points, bfloat16);
  if (radii.ndim() != 1) {
    throw InvalidInput("radii must be a 1-D array, got " + std::to_string(radii.ndim()) + " axes");
  }
  ArraysRead arrays;
  arrays.add(centres);
  arrays.add(points);
  arrays.add(radii, "radii");
  const std::span<const double> sizes{radii.data(), static_cast<std::size_t>(radii.size())};
  BallCounts counts = run_without_gil(n_threads, progress, arrays, [&](Job& job) {
    return count_in_balls(centre_rows, sizes, point_rows, job);
  });
  return py::make_tuple(numpy_array(std::move(counts.of_balls)),
                        numpy_array(std::move(counts.of_points)));
}

}  // namespace

void bind_nearest(py::module_& module) {
  module.def("nearest", &nearest, py::arg("queries"), py::arg("reference"), py::arg("k"),
             py::kw_only(), py::arg("skipped") = py::none(), py::arg("n_threads") = 0,
             py::arg("progress") = py::none(), py::arg("bfloat16") = false,
             "The k nearest rows of the reference for each query: indices and Euclidean "
             "distances.");
  module.def("count_in_balls", &balls, py::arg("centres"), py::arg("radii"), py::arg("points"),
             py::kw_only(), py::arg("n_threads") = 0, py::arg("progress") = py::none(),
             py::arg("bfloat16") = false,
             "The number of points in each ball, and of balls around each point.");
}

}  // namespace thinset::bindings
