#include <optional>
#include <span>
#include <string>

#include "bindings.hpp"
#include "numpy_view.hpp"
#include "python_monitor.hpp"
#include "thinset/near_duplicates.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

std::span<const std::int64_t> optional_view(const std::optional<Int64Array>& rows) {
  return rows ? int64_view(*rows, "rows") : std::span<const std::int64_t>{};
}

}  // namespace

void bind_near_duplicates(py::module_& module) {
  module.def(
      "group_near_duplicates",
      [](const Embeddings& embeddings, double distance, const std::string& metric,
         const std::optional<Int64Array>& rows, unsigned n_threads, const py::object& progress,
         bool bfloat16) {
        const AnyMatrix matrix = matrix_view(embeddings, bfloat16);
        const std::span<const std::int64_t> read = optional_view(rows);
        const Metric measured = metric_from_name(metric);
        ArraysRead arrays;
        arrays.add(embeddings);
        return numpy_array(run_without_gil(n_threads, progress, arrays, [&](Job& job) {
          return group_near_duplicates(matrix, distance, measured, job, read);
        }));
      },
      py::arg("embeddings"), py::arg("distance"), py::kw_only(), py::arg("metric") = "euclidean",
      py::arg("rows") = py::none(), py::arg("n_threads") = 0, py::arg("progress") = py::none(),
      py::arg("bfloat16") = false,
      "The lowest row of each row's group: rows within the distance are linked, and chains of "
      "links form groups. rows: the only rows that are read, ascending; None for all.");
  module.def(
      "match_near_duplicates",
      [](const Embeddings& embeddings, const Embeddings& against, double distance,
         const std::string& metric, const std::optional<Int64Array>& rows, unsigned n_threads,
         const py::object& progress, bool bfloat16) {
        const AnyMatrix matrix = matrix_view(embeddings, bfloat16);
        const std::span<const std::int64_t> read = optional_view(rows);
        const AnyMatrix reference = matrix_view(against, bfloat16);
        const Metric measured = metric_from_name(metric);
        ArraysRead arrays;
        arrays.add(embeddings);
        arrays.add(against);
        return numpy_array(run_without_gil(n_threads, progress, arrays, [&](Job& job) {
          return match_near_duplicates(matrix, reference, distance, measured, job, read);
        }));
      },
      py::arg("embeddings"), py::arg("against"), py::arg("distance"), py::kw_only(),
      py::arg("metric") = "euclidean", py::arg("rows") = py::none(), py::arg("n_threads") = 0,
      py::arg("progress") = py::none(), py::arg("bfloat16") = false,
      "For each row, the lowest row of `against` within the distance, or -1. rows: as above.");
}

}  // namespace thinset::bindings
