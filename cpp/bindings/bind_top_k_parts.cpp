#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bindings.hpp"
#include "held.hpp"
#include "numpy_view.hpp"
#include "python_monitor.hpp"
#include "thinset/top_k_parts.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

// Rows of the part, then (D, L) rows and activations, then (2, D) lowest and highest values.
using ListArrays = std::tuple<std::size_t, Int64Array, DoubleArray, DoubleArray>;
using Shape = std::array<std::size_t, 2>;

ListArrays lists_of_part(const Embeddings& embeddings, std::size_t depth, std::int64_t first_row,
                         const std::string& mode, const std::optional<Int64Array>& taken,
                         unsigned n_threads, const py::object& progress, bool bfloat16) {
  const AnyMatrix part = matrix_view(embeddings, bfloat16);
  const TopKMode of_mode = top_k_mode_from_name(mode);
  ArraysRead arrays;
  arrays.add(embeddings);
  std::span<const std::int64_t> taken_rows;
  if (taken) {
    taken_rows = int64_view(*taken, "taken");
    arrays.add(*taken, "taken rows");
  }
  TopKLists lists = run_without_gil(n_threads, progress, arrays, [&](Job& job) {
    return top_k_lists(part, first_row, of_mode, depth, taken_rows, job);
  });
  const Shape shape{part.n_columns, lists.depth};
  std::vector<double> spans = std::move(lists.lowest);
  spans.insert(spans.end(), lists.highest.begin(), lists.highest.end());
  return {lists.n_rows, numpy_array(std::move(lists.rows)).reshape(shape),
          numpy_array(std::move(lists.activations)).reshape(shape),
          numpy_array(std::move(spans)).reshape(Shape{2, part.n_columns})};
}

TopKLists lists_from(const ListArrays& arrays) {
  const auto& [n_rows, rows, activations, spans] = arrays;
  const bool are_alike = rows.ndim() == 2 && activations.ndim() == 2 && spans.ndim() == 2 &&
                         rows.shape(0) == activations.shape(0) &&
                         rows.shape(1) == activations.shape(1) && spans.shape(0) == 2 &&
                         spans.shape(1) == rows.shape(0);
  if (!are_alike) {
    throw InvalidInput(
        "lists of best rows must be as top_k_lists returns them: (rows of the part, "
        "(D, L) rows, (D, L) activations, (2, D) spans)");
  }
  const double* lowest = spans.data();
  return {n_rows,
          static_cast<std::size_t>(rows.shape(1)),
          {rows.data(), rows.data() + rows.size()},
          {activations.data(), activations.data() + activations.size()},
          {lowest, lowest + spans.shape(1)},
          {lowest + spans.shape(1), lowest + spans.size()}};
}

using Coordinator = Held<TopKCoordinator>;

std::unique_ptr<Coordinator> make_coordinator(std::size_t n_rows, std::size_t n_columns,
                                              std::size_t n_samples, const std::string& mode,
                                              bool refill, bool drop_constant,
                                              const std::optional<Int64Array>& initial_subset,
                                              const std::optional<std::size_t>& max_depth) {
  TopKOptions options;
  options.mode = top_k_mode_from_name(mode);
  options.refill = refill;
  options.drop_constant = drop_constant;
  options.max_depth = max_depth.value_or(options.max_depth);
  std::span<const std::int64_t> initial;
  if (initial_subset) {
    initial = int64_view(*initial_subset, "initial_subset");
  }
  return std::make_unique<Coordinator>(
      std::make_unique<TopKCoordinator>(n_rows, n_columns, n_samples, options, initial));
}

void deal(Coordinator& held, const std::vector<ListArrays>& lists) {
  std::vector<TopKLists> of_parts;
  of_parts.reserve(lists.size());
  for (const ListArrays& arrays : lists) {
    of_parts.push_back(lists_from(arrays));
  }
  held.change([&](TopKCoordinator& coordinator) {
    ArraysRead none;
    run_without_gil(1, py::none(), none, [&](Job& job) { coordinator.deal(of_parts, job); });
  });
}

}  // namespace

void bind_top_k_parts(py::module_& module) {
  module.def("top_k_lists", &lists_of_part, py::arg("embeddings"), py::arg("depth"), py::kw_only(),
             py::arg("first_row") = 0, py::arg("mode") = "max", py::arg("taken") = py::none(),
             py::arg("n_threads") = 0, py::arg("progress") = py::none(),
             py::arg("bfloat16") = false,
             "The best rows of a part in every column, for TopKCoordinator.deal: the number of "
             "rows, the (D, L) best rows numbered from first_row, their (D, L) activations, and "
             "the (2, D) lowest and highest values (infinite if a column varies). L is depth or, "
             "if fewer, the number of rows that are not taken.");
  const py::metaclass plain(reinterpret_cast<PyObject*>(&PyType_Type));
  py::class_<Coordinator>(module, "TopKCoordinator", plain, py::is_final(),
                          "Picks the rows of select(method='topk') from lists of parts.")
      .def(py::init(&make_coordinator), py::arg("n_rows"), py::arg("n_columns"),
           py::arg("n_samples"), py::kw_only(), py::arg("mode") = "max", py::arg("refill") = true,
           py::arg("drop_constant") = false, py::arg("initial_subset") = py::none(),
           py::arg("max_depth") = py::none())
      .def("deal", &deal, py::arg("lists"),
           "Take lists of all parts, made with the current depth and taken.")
      .def_property_readonly(
          "is_done", [](const Coordinator& held) { return held.value().is_done(); },
          "Whether all rows are chosen.")
      .def_property_readonly(
          "depth", [](const Coordinator& held) { return held.value().depth(); },
          "The length of the lists that the next deal needs.")
      .def_property_readonly(
          "taken", [](const Coordinator& held) { return numpy_array(held.value().taken()); },
          "Rows that the lists leave out, ascending.")
      .def_property_readonly(
          "indices", [](const Coordinator& held) { return numpy_array(held.value().indices()); },
          "The rows chosen so far, in selection order.")
      .def_property_readonly(
          "gains", [](const Coordinator& held) { return numpy_array(held.value().gains()); },
          "The activation that each row was chosen for.")
      .def_property_readonly(
          "constant_columns",
          [](const Coordinator& held) { return numpy_array(held.value().constant_columns()); },
          "Columns with one value in every row.");
}

}  // namespace thinset::bindings
