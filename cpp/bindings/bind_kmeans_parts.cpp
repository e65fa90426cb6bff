#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "held.hpp"
#include "numpy_view.hpp"
#include "python_monitor.hpp"
#include "thinset/kmeans_parts.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

using MessageArrays = std::tuple<std::string, Int64Array, DoubleArray>;
using AnswerArrays = std::tuple<Int64Array, DoubleArray>;

template <class Array>
auto vector_of(const Array& array, const char* name) {
  if (array.ndim() != 1) {
    throw InvalidInput(std::string(name) + " must be 1-D arrays, got " +
                       std::to_string(array.ndim()) + " axes");
  }
  return std::vector<typename Array::value_type>(array.data(), array.data() + array.size());
}

class Coordinator {
 public:
  Coordinator(std::size_t n_rows, std::size_t k, const KMeansOptions& options, std::uint64_t seed)
      : random_(seed), coordinator_(n_rows, k, options, random_) {}
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  KMeansCoordinator* operator->() { return &coordinator_; }
  const KMeansCoordinator* operator->() const { return &coordinator_; }

 private:
  Random random_;
  KMeansCoordinator coordinator_;
};

std::unique_ptr<Held<Coordinator>> make_coordinator(std::size_t n_rows, std::size_t n_samples,
                                                    std::size_t n_iterations,
                                                    const std::string& seeding,
                                                    std::uint64_t seed) {
  KMeansOptions options;
  options.n_iterations = n_iterations;
  options.seeding = seeding_from_name(seeding);
  return std::make_unique<Held<Coordinator>>(
      std::make_unique<Coordinator>(n_rows, n_samples, options, seed));
}

MessageArrays message_of(const Held<Coordinator>& held) {
  KMeansMessage message = held.value()->message();
  return {std::string(to_string(message.step)), numpy_array(std::move(message.integers)),
          numpy_array(std::move(message.values))};
}

void take_answers(Held<Coordinator>& held, const std::vector<AnswerArrays>& arrays) {
  std::vector<KMeansAnswer> answers;
  answers.reserve(arrays.size());
  for (const auto& [integers, values] : arrays) {
    answers.push_back({vector_of(integers, "answers"), vector_of(values, "answers")});
  }
  held.change([&](Coordinator& coordinator) {
    const py::gil_scoped_release release;
    coordinator->take(std::move(answers));
  });
}

// A part, and the arrays that it reads.
class Part {
  // First, because its return type is deduced.
  template <class Work>
  auto run(const py::object& progress, const Work& work) const {
    ArraysRead arrays;
    arrays.add(embeddings_);
    return run_without_gil(n_threads_, progress, arrays, work);
  }

 public:
  Part(const Embeddings& embeddings, std::int64_t first_row, unsigned n_threads,
       const py::object& progress, bool bfloat16)
      : embeddings_(embeddings),
        matrix_(matrix_view(embeddings_, bfloat16)),
        n_threads_(n_threads) {
    part_ = run(progress,
                [&](Job& job) { return std::make_unique<KMeansPart>(matrix_, first_row, job); });
  }

  [[nodiscard]] std::size_t n_rows() const { return part_->n_rows(); }
  KMeansAnswer answer(KMeansMessage message) {
    return run(py::none(), [&](Job& job) { return part_->answer(std::move(message), job); });
  }

 private:
  Embeddings embeddings_;
  AnyMatrix matrix_;  // the part reads its list of shards
  unsigned n_threads_;
  std::unique_ptr<KMeansPart> part_;
};

std::unique_ptr<Held<Part>> make_part(const Embeddings& embeddings, std::int64_t first_row,
                                      unsigned n_threads, const py::object& progress,
                                      bool bfloat16) {
  return std::make_unique<Held<Part>>(
      std::make_unique<Part>(embeddings, first_row, n_threads, progress, bfloat16));
}

AnswerArrays answer_of(Held<Part>& held, const MessageArrays& arrays) {
  const auto& [step, integers, values] = arrays;
  KMeansMessage message{kmeans_step_from_name(step), vector_of(integers, "messages"),
                        vector_of(values, "messages")};
  KMeansAnswer answer = held.change([&](Part& part) { return part.answer(std::move(message)); });
  return {numpy_array(std::move(answer.integers)), numpy_array(std::move(answer.values))};
}

}  // namespace

void bind_kmeans_parts(py::module_& module) {
  const py::metaclass plain(reinterpret_cast<PyObject*>(&PyType_Type));
  py::class_<Held<Coordinator>>(module, "KMeansCoordinator", plain, py::is_final(),
                                "Picks the rows of select(method='kmeans') from several parts.")
      .def(py::init(&make_coordinator), py::arg("n_rows"), py::arg("n_samples"), py::kw_only(),
           py::arg("n_iterations") = 10, py::arg("seeding") = "kmeans++", py::arg("seed") = 0)
      .def_property_readonly(
          "is_done", [](const Held<Coordinator>& held) { return held.value()->is_done(); },
          "Whether all rows are chosen.")
      .def_property_readonly("message", &message_of, "What every part must answer next.")
      .def("take", &take_answers, py::arg("answers"),
           "Take the answers of all parts to the message, in the order of their rows.")
      .def_property_readonly(
          "n_done", [](const Held<Coordinator>& held) { return held.value()->n_done(); },
          "Finished units of n_samples + n_iterations + 1, some of which may not be needed.")
      .def_property_readonly(
          "indices",
          [](const Held<Coordinator>& held) { return numpy_array(held.value()->indices()); },
          "The chosen rows, in selection order, once done.")
      .def_property_readonly(
          "gains", [](const Held<Coordinator>& held) { return numpy_array(held.value()->gains()); },
          "The size of each row's cluster.");
  py::class_<Held<Part>>(module, "KMeansPart", plain, py::is_final(),
                         "Rows that are clustered together with those of other parts.")
      .def(py::init(&make_part), py::arg("embeddings"), py::kw_only(), py::arg("first_row") = 0,
           py::arg("n_threads") = 0, py::arg("progress") = py::none(), py::arg("bfloat16") = false)
      .def("answer", &answer_of, py::arg("message"), "Answer the next message of the coordinator.")
      .def_property_readonly(
          "n_rows", [](const Held<Part>& held) { return held.value().n_rows(); },
          "The number of rows.");
}

}  // namespace thinset::bindings
