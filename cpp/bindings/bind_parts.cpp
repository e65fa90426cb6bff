#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include "bindings.hpp"
#include "numpy_view.hpp"
#include "python_monitor.hpp"
#include "thinset/parts.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

py::tuple column_range_of(const Embeddings& embeddings, unsigned n_threads,
                          const py::object& progress, bool bfloat16) {
  const AnyMatrix rows = matrix_view(embeddings, bfloat16);
  ArraysRead arrays;
  arrays.add(embeddings);
  ColumnRange range = run_without_gil(n_threads, progress, arrays,
                                      [&](Job& job) { return column_range(rows, job); });
  return py::make_tuple(numpy_array(std::move(range.low)), numpy_array(std::move(range.high)));
}

void check_range(const DoubleArray& low, const DoubleArray& high, const std::string& metric) {
  const std::span<const double> lows = double_view(low, "low");
  const std::span<const double> highs = double_view(high, "high");
  check_column_range({{lows.begin(), lows.end()}, {highs.begin(), highs.end()}},
                     metric_from_name(metric));
}

py::array column_sums(const Embeddings& embeddings, unsigned n_threads, const py::object& progress,
                      bool bfloat16) {
  const AnyMatrix rows = matrix_view(embeddings, bfloat16);
  ArraysRead arrays;
  arrays.add(embeddings);
  std::vector<std::int64_t> sums = run_without_gil(
      n_threads, progress, arrays, [&](Job& job) { return exact_column_sums(rows, job); });
  return numpy_array(std::move(sums))
      .reshape({py::ssize_t{-1}, static_cast<py::ssize_t>(digits_per_sum)});
}

std::span<const std::int64_t> sums_view(const Int64Array& sums) {
  if (sums.ndim() != 2 || sums.shape(1) != static_cast<py::ssize_t>(digits_per_sum)) {
    throw InvalidInput("sums must have shape (columns, " + std::to_string(digits_per_sum) +
                       "), as exact_column_sums returns them");
  }
  return {sums.data(), static_cast<std::size_t>(sums.size())};
}

py::array_t<double> mean_of(const Int64Array& sums, std::uint64_t n_rows) {
  return numpy_array(exact_mean(sums_view(sums), n_rows));
}

std::size_t furthest(const Embeddings& points, const Int64Array& sums, std::uint64_t n_rows,
                     const std::string& metric, unsigned n_threads, const py::object& progress,
                     bool bfloat16) {
  const AnyMatrix rows = matrix_view(points, bfloat16);
  const std::span<const std::int64_t> digits = sums_view(sums);
  const Metric measured = metric_from_name(metric);
  ArraysRead arrays;
  arrays.add(points);
  arrays.add(sums, "sums");
  return run_without_gil(n_threads, progress, arrays, [&](Job& job) {
    return furthest_from_mean(rows, digits, n_rows, measured, job);
  });
}

py::array_t<double> ranks_of(const Embeddings& points, const DoubleArray& point,
                             const std::string& metric, unsigned n_threads, bool bfloat16) {
  const AnyMatrix rows = matrix_view(points, bfloat16);
  const std::span<const double> values = double_view(point, "point");
  const Metric measured = metric_from_name(metric);
  ArraysRead arrays;
  arrays.add(points);
  arrays.add(point, "point");
  return numpy_array(run_without_gil(n_threads, py::none(), arrays,
                                     [&](Job& job) { return ranks(rows, values, measured, job); }));
}

// A part with the threads and the arrays that it uses as long as it lives. Only one thread may use
// it at a time.
template <class Part>
class BoundPart {
 public:
  BoundPart(const Embeddings& embeddings, std::size_t n_samples, const std::string& metric,
            unsigned n_threads, const py::object& progress, bool bfloat16)
      : embeddings_(embeddings),
        rows_(matrix_view(embeddings_, bfloat16)),
        n_columns_(static_cast<py::ssize_t>(rows_.n_columns)),
        monitor_(progress),
        job_(n_threads, &monitor_) {
    const Metric measured = metric_from_name(metric);
    arrays_.add(embeddings_);
    arrays_.watch(job_);
    run_without_gil(arrays_, [&] { part_.emplace(rows_, n_samples, measured, job_); });
  }

  void pick(const DoubleArray& points, const Int64Array& rows) {
    if (points.ndim() != 2) {
      throw InvalidInput("points must be a 2-D array, got " + std::to_string(points.ndim()) +
                         " axes");
    }
    const std::span<const double> values{points.data(), static_cast<std::size_t>(points.size())};
    const std::span<const std::int64_t> numbers = int64_view(rows, "rows");
    run([&] { part_->pick(values, numbers); });
  }

  template <class... Arguments>
  py::tuple best(Arguments... arguments) {
    BestRows found = run([&] { return part_->best(arguments...); });
    const auto n = static_cast<py::ssize_t>(found.rows.size());
    return py::make_tuple(numpy_array(std::move(found.values)), numpy_array(std::move(found.rows)),
                          numpy_array(std::move(found.points)).reshape({n, n_columns_}));
  }

 private:
  template <class Work>
  auto run(const Work& work) {
    if (is_used_.test_and_set()) {
      throw InvalidInput("another thread uses this part; call its methods one after the other");
    }
    struct Release {
      std::atomic_flag& flag;
      ~Release() { flag.clear(); }
    };
    const Release release{is_used_};
    return run_without_gil(arrays_, work);
  }

  Embeddings embeddings_;
  AnyMatrix rows_;  // the part reads its list of shards
  py::ssize_t n_columns_;
  ArraysRead arrays_;
  PythonMonitor monitor_;
  Job job_;
  std::optional<Part> part_;
  std::atomic_flag is_used_;
};

template <class Part>
py::class_<BoundPart<Part>> bind_part(py::module_& module, const char* name, const char* doc) {
  // As in bind_random.cpp.
  const py::metaclass plain(reinterpret_cast<PyObject*>(&PyType_Type));
  py::class_<BoundPart<Part>> bound(module, name, plain, py::is_final(), doc);
  bound.def(py::init<const Embeddings&, std::size_t, const std::string&, unsigned,
                     const py::object&, bool>(),
            py::arg("embeddings"), py::arg("n_samples"), py::kw_only(),
            py::arg("metric") = "euclidean", py::arg("n_threads") = 0,
            py::arg("progress") = py::none(), py::arg("bfloat16") = false);
  bound.def("pick", &BoundPart<Part>::pick, py::arg("points"), py::arg("rows"),
            "Counts picks of any part, in their order; rows holds the row of this part, or -1.");
  return bound;
}

}  // namespace

void bind_parts(py::module_& module) {
  module.def("column_range", &column_range_of, py::arg("embeddings"), py::kw_only(),
             py::arg("n_threads") = 0, py::arg("progress") = py::none(),
             py::arg("bfloat16") = false,
             "The smallest and the largest value of each column; infinities without rows.");
  module.def("check_column_range", &check_range, py::arg("low"), py::arg("high"), py::kw_only(),
             py::arg("metric") = "euclidean",
             "Refuses ranges whose distances float64 cannot represent.");
  module.def("exact_column_sums", &column_sums, py::arg("embeddings"), py::kw_only(),
             py::arg("n_threads") = 0, py::arg("progress") = py::none(),
             py::arg("bfloat16") = false,
             "Digits of the exact sum of each column; those of parts add up entry by entry.");
  module.def("exact_mean", &mean_of, py::arg("sums"), py::arg("n_rows"),
             "The float64 numbers nearest to sums / n_rows.");
  module.def("furthest_from_mean", &furthest, py::arg("points"), py::arg("sums"), py::arg("n_rows"),
             py::kw_only(), py::arg("metric") = "euclidean", py::arg("n_threads") = 0,
             py::arg("progress") = py::none(), py::arg("bfloat16") = false,
             "The first of the rows that are exactly furthest from the mean; their number if there "
             "are none.");
  module.def("ranks", &ranks_of, py::arg("points"), py::arg("point"), py::kw_only(),
             py::arg("metric") = "euclidean", py::arg("n_threads") = 0, py::arg("bfloat16") = false,
             "The distance of each row to the point, squared for euclidean.");
  bind_part<MaxMinPart>(module, "MaxMinPart", "One machine's rows of a max_min selection.")
      .def("best", &BoundPart<MaxMinPart>::best<std::size_t>, py::arg("n_rows") = 1,
           "The best rows that are not picked: ranks, rows and points.");
  bind_part<MaxSumPart>(module, "MaxSumPart", "One machine's rows of a max_sum selection.")
      .def("best", &BoundPart<MaxSumPart>::best<>,
           "The best row that is not picked: its sum, row and point.");
}

}  // namespace thinset::bindings
