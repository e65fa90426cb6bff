#include <string>

#include "bindings.hpp"
#include "numpy_view.hpp"
#include "python_monitor.hpp"
#include "thinset/certificates.hpp"
#include "thinset/objective.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

using Figure = double (*)(const AnyMatrix&, std::span<const std::int64_t>, Metric, Job&);

void bind_figure(py::module_& module, const char* name, Figure figure, const char* doc) {
  module.def(
      name,
      [figure](const Embeddings& embeddings, const Int64Array& indices, const std::string& metric,
               unsigned n_threads, const py::object& progress, bool bfloat16) {
        const AnyMatrix matrix = matrix_view(embeddings, bfloat16);
        const std::span<const std::int64_t> rows = int64_view(indices, "indices");
        const Metric distance = metric_from_name(metric);
        ArraysRead arrays;
        arrays.add(embeddings);
        arrays.add(indices, "indices");
        return run_without_gil(n_threads, progress, arrays,
                               [&](Job& job) { return figure(matrix, rows, distance, job); });
      },
      py::arg("embeddings"), py::arg("indices"), py::kw_only(), py::arg("metric") = "euclidean",
      py::arg("n_threads") = 0, py::arg("progress") = py::none(), py::arg("bfloat16") = false, doc);
}

}  // namespace

void bind_objective(py::module_& module) {
  bind_figure(module, "sum_of_pairwise_distances", &sum_of_pairwise_distances,
              "The sum over unordered pairs of the subset of their distance (Eq. 3).");
  bind_figure(module, "smallest_pairwise_distance", &smallest_pairwise_distance,
              "The smallest distance between two rows of the subset.");
  bind_figure(module, "covering_radius", &covering_radius,
              "The largest distance of any row to its nearest row of the subset.");
  bind_figure(module, "sum_of_nearest_distances", &sum_of_nearest_distances,
              "The sum over all rows of their distance to the nearest row of the subset.");
  bind_figure(module, "upper_bound_of_sum_of_pairwise_distances",
              &upper_bound_of_sum_of_pairwise_distances,
              "No subset of as many rows has a larger sum of pairwise distances.");
  bind_figure(module, "upper_bound_of_smallest_pairwise_distance",
              &upper_bound_of_smallest_pairwise_distance,
              "No subset of as many rows has a larger smallest pairwise distance.");
  bind_figure(module, "lower_bound_of_covering_radius", &lower_bound_of_covering_radius,
              "No subset of as many rows has a smaller covering radius.");
  bind_figure(module, "lower_bound_of_sum_of_nearest_distances",
              &lower_bound_of_sum_of_nearest_distances,
              "No subset of as many rows has a smaller sum of nearest distances.");
}

}  // namespace thinset::bindings
