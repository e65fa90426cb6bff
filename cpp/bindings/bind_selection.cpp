#include <pybind11/stl.h>

#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "bindings.hpp"
#include "choice_arguments.hpp"
#include "method_options.hpp"
#include "numpy_view.hpp"
#include "python_monitor.hpp"
#include "thinset/instruction_set.hpp"
#include "thinset/processors.hpp"
#include "thinset/selection.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

std::vector<std::string> available_set_names() {
  std::vector<std::string> names;
  for (const InstructionSet set : available_instruction_sets()) {
    names.emplace_back(to_string(set));
  }
  return names;
}

void use_set_of_name(const std::string& name) {
  for (const InstructionSet set : available_instruction_sets()) {
    if (name == to_string(set)) {
      use_instruction_set(set);
      return;
    }
  }
  throw InvalidInput("this processor or build has no instruction set '" + name + "'");
}

// A SelectionResult whose vectors have become arrays.
struct SelectedArrays {
  // pybind11 uses this to allocate an object that is made without __init__, and does not construct
  // it. Zeros make its members null, which raises an exception instead of crashing.
  static void* operator new(std::size_t size) {
    void* memory = ::operator new(size);
    std::memset(memory, 0, size);
    return memory;
  }
  static void operator delete(void* memory) { ::operator delete(memory); }

  py::array indices;
  py::array gains;
  py::array constant_columns;
  py::array swaps;
  double spent;
  double bandwidth;
};

// All but the choice and the options of methods.
SelectionRequest request_of(const AnyMatrix& matrix, std::size_t n_samples,
                            const std::string& method, const std::string& metric,
                            const std::optional<Int64Array>& labels,
                            const std::optional<std::string>& per_class,
                            const std::optional<Int64Array>& initial_subset) {
  SelectionRequest request;
  request.method = method_from_name(method);
  request.n_samples = n_samples;
  request.metric = metric_from_name(metric);
  if (labels) {
    request.labels = int64_view(*labels, "labels");
    if (request.labels.size() != matrix.n_rows) {
      throw InvalidInput("labels must have one entry per row: expected " +
                         std::to_string(matrix.n_rows) + ", got " +
                         std::to_string(request.labels.size()));
    }
  }
  if (per_class) {
    request.per_class = per_class_from_name(*per_class);
  }
  if (initial_subset) {
    request.initial_subset = int64_view(*initial_subset, "initial_subset");
  }
  return request;
}

void check_selection(const Embeddings& embeddings, std::size_t n_samples, const std::string& method,
                     const std::string& metric, const std::optional<Int64Array>& labels,
                     const std::optional<std::string>& per_class,
                     const std::optional<Int64Array>& initial_subset, bool bfloat16,
                     const py::kwargs& options) {
  const AnyMatrix matrix = matrix_view(embeddings, bfloat16);
  SelectionRequest request =
      request_of(matrix, n_samples, method, metric, labels, per_class, initial_subset);
  ChoiceArguments choice;
  read_options(options, request, &choice);
  request.choice = choice.choice(bfloat16);
  check_request(matrix, request);
}

SelectedArrays select_rows(const Embeddings& embeddings, std::size_t n_samples,
                           const std::string& method, const std::string& metric,
                           const std::optional<Int64Array>& labels,
                           const std::optional<std::string>& per_class,
                           const std::optional<Int64Array>& initial_subset, std::uint64_t seed,
                           unsigned n_threads, std::uint64_t max_memory, const py::object& progress,
                           bool bfloat16, const py::kwargs& options) {
  const AnyMatrix matrix = matrix_view(embeddings, bfloat16);
  SelectionRequest request =
      request_of(matrix, n_samples, method, metric, labels, per_class, initial_subset);
  request.seed = seed;
  request.max_memory = max_memory;
  ChoiceArguments choice;
  read_options(options, request, &choice);
  request.choice = choice.choice(bfloat16);
  ArraysRead arrays;
  arrays.add(embeddings);
  choice.add_to(arrays);
  if (labels) {
    arrays.add(*labels, "labels");
  }
  if (initial_subset) {
    arrays.add(*initial_subset, "rows of initial_subset");
  }
  SelectionResult result =
      run_without_gil(n_threads == 0 ? threads_for(matrix, request) : n_threads, progress, arrays,
                      [&](Job& job) { return select(matrix, request, job); });
  return {numpy_array(std::move(result.indices)),
          numpy_array(std::move(result.gains)),
          numpy_array(std::move(result.constant_columns)),
          numpy_array(std::move(result.swaps)),
          result.spent,
          result.bandwidth};
}

py::tuple shape_of(const Embeddings& embeddings, bool bfloat16) {
  const AnyMatrix matrix = matrix_view(embeddings, bfloat16);
  return py::make_tuple(matrix.n_rows, matrix.n_columns);
}

}  // namespace

void bind_selection(py::module_& module) {
  const py::metaclass plain(reinterpret_cast<PyObject*>(&PyType_Type));
  py::class_<SelectedArrays>(module, "SelectionResult", plain, py::is_final(),
                             "The result of select.")
      .def_readonly("indices", &SelectedArrays::indices, "The rows, in selection order.")
      .def_readonly("gains", &SelectedArrays::gains, "What each row gained.")
      .def_readonly("constant_columns", &SelectedArrays::constant_columns,
                    "Columns with one value in every row; of topk alone.")
      .def_readonly("swaps", &SelectedArrays::swaps, "What each exchange gained.")
      .def_readonly("spent", &SelectedArrays::spent, "The summed costs of the rows.")
      .def_readonly("bandwidth", &SelectedArrays::bandwidth,
                    "The bandwidth of the Gaussian kernel; 0 for others.");
  module.def("select", &select_rows, py::arg("embeddings"), py::arg("n_samples"), py::kw_only(),
             py::arg("method"), py::arg("metric") = "euclidean", py::arg("labels") = py::none(),
             py::arg("per_class") = py::none(), py::arg("initial_subset") = py::none(),
             py::arg("seed") = 0, py::arg("n_threads") = 0, py::arg("max_memory") = 0,
             py::arg("progress") = py::none(), py::arg("bfloat16") = false,
             "Choose rows. Other keyword arguments are exclude, among, cover, existing, scores, "
             "score_weight, min_score, groups, max_per_group, whole_groups, one_per_group_first, "
             "costs, budget and min_distance, as in thinset.select (n_samples=0 leaves the number "
             "to the last two), and the options of methods; a method ignores those of "
             "others, thinset.select refuses them. Several arrays are shards of one matrix, with "
             "rows numbered in their order.");
  module.def("check_selection", &check_selection, py::arg("embeddings"), py::arg("n_samples"),
             py::kw_only(), py::arg("method"), py::arg("metric") = "euclidean",
             py::arg("labels") = py::none(), py::arg("per_class") = py::none(),
             py::arg("initial_subset") = py::none(), py::arg("bfloat16") = false,
             "Refuses a request that select would refuse before it reads a value.");
  module.def("shape_of", &shape_of, py::arg("embeddings"), py::kw_only(),
             py::arg("bfloat16") = false,
             "(rows, columns) of an array, or of several one after another; refuses what select "
             "would refuse.");
  module.def("samples_of_fraction", &samples_of_fraction, py::arg("fraction"), py::arg("n_rows"),
             "floor(fraction * n_rows + 1/2), at least 1.");
  module.def(
      "instruction_set", [] { return std::string(to_string(current_instruction_set())); },
      "The vector instructions in use: plain, avx2 or avx512.");
  module.def("available_instruction_sets", &available_set_names,
             "The instruction sets that this build has and this processor supports, from plain to "
             "the widest.");
  module.def("use_instruction_set", &use_set_of_name, py::arg("name"),
             "Use another available instruction set from now on. Results are the same with each; "
             "for tests and benchmarks.");
  module.def(
      "available_processors", [] { return available_processors(); },
      "The number of processors that this process may use: those of its affinity mask, within the "
      "CPU quota of its control groups. The default of n_threads.");
}

}  // namespace thinset::bindings
