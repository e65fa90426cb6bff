#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "bindings.hpp"
#include "method_options.hpp"
#include "numpy_view.hpp"
#include "thinset/estimate.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

Element element_from_name(const std::string& name) {
  for (const Element element :
       {Element::float32, Element::float64, Element::float16, Element::bfloat16}) {
    if (name == to_string(element)) {
      return element;
    }
  }
  throw InvalidInput("dtype must be one of float16, bfloat16, float32, float64; got '" + name +
                     "'");
}

// A matrix without values. Sizes of memory are computed from it in 64 bits, which must not
// overflow.
AnyMatrix matrix_of_shape(std::size_t n_rows, std::size_t n_columns, const std::string& dtype) {
  constexpr std::size_t most_elements = std::size_t{1} << 53;
  if (n_columns > 0 && n_rows > most_elements / n_columns) {
    throw InvalidInput("a shape must have at most 2**53 elements, got (" + std::to_string(n_rows) +
                       ", " + std::to_string(n_columns) + ")");
  }
  return {nullptr, element_from_name(dtype), n_rows, n_columns, n_columns};
}

py::tuple estimate_selection(std::size_t n_rows, std::size_t n_columns, const std::string& dtype,
                             std::size_t n_samples, const std::string& method,
                             const std::string& metric, const std::optional<Int64Array>& labels,
                             const std::optional<std::string>& per_class, unsigned n_threads,
                             const py::kwargs& options) {
  const AnyMatrix shape = matrix_of_shape(n_rows, n_columns, dtype);
  SelectionRequest request;
  request.method = method_from_name(method);
  request.n_samples = n_samples;
  request.metric = metric_from_name(metric);
  if (labels) {
    request.labels = int64_view(*labels, "labels");
  }
  if (per_class) {
    request.per_class = per_class_from_name(*per_class);
  }
  read_options(options, request);
  check_request(shape, request);
  const MemoryNeed memory = predicted_memory(shape, request, n_threads);
  const Seconds seconds = predicted_seconds(shape, request, n_threads);
  return py::make_tuple(memory.likely, memory.at_most, seconds.low, seconds.middle, seconds.high);
}

py::dict estimate_figures(std::size_t n_rows, std::size_t n_columns, const std::string& dtype,
                          std::size_t n_samples, const std::string& metric, unsigned n_threads) {
  const AnyMatrix shape = matrix_of_shape(n_rows, n_columns, dtype);
  SelectionRequest request;
  request.n_samples = n_samples;
  check_request(shape, request);
  py::dict figures;
  for (const FigureSeconds& figure :
       predicted_figure_seconds(shape, n_samples, metric_from_name(metric), n_threads)) {
    figures[py::str(std::string(figure.name))] =
        py::make_tuple(figure.seconds.low, figure.seconds.middle, figure.seconds.high);
  }
  return figures;
}

}  // namespace

void bind_estimate(py::module_& module) {
  module.def("estimate", &estimate_selection, py::arg("n_rows"), py::arg("n_columns"),
             py::arg("dtype"), py::arg("n_samples"), py::kw_only(), py::arg("method"),
             py::arg("metric") = "euclidean", py::arg("labels") = py::none(),
             py::arg("per_class") = py::none(), py::arg("n_threads") = 0,
             "The cost of select: (likely bytes, bytes at most, seconds at best, likely seconds, "
             "seconds at worst). Keyword arguments are the options of methods.");
  module.def("estimate_figures", &estimate_figures, py::arg("n_rows"), py::arg("n_columns"),
             py::arg("dtype"), py::arg("n_samples"), py::kw_only(), py::arg("metric") = "euclidean",
             py::arg("n_threads") = 0,
             "The cost of each figure and bound of a subset of n_samples rows, by function name: "
             "(seconds at best, likely seconds, seconds at worst).");
}

}  // namespace thinset::bindings
