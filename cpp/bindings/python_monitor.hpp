// Python's signals and a progress callback for a native loop that runs without the GIL.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <type_traits>
#include <utility>

#include "arrays_read.hpp"
#include "thinset/error.hpp"
#include "thinset/monitor.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset::bindings {

class PythonMonitor final : public Monitor {
 public:
  // `progress` is None or a callable (done: int, total: int) -> None; an exception from it stops
  // the work.
  explicit PythonMonitor(pybind11::object progress) : progress_(std::move(progress)) {}

  void report(std::uint64_t done, std::uint64_t total) override;
  bool should_stop() override;

 private:
  pybind11::object progress_;
};

// Runs work() without the GIL. Safe because the library touches no Python object: the arrays are
// kept alive by the caller's arguments, and the monitor takes the GIL itself. `arrays` are all
// arrays that the work reads: if the file of one becomes shorter, that error takes precedence,
// because the work may have read zeros.
template <class Work>
auto run_without_gil(ArraysRead& arrays, const Work& work) {
  const auto run = [&] {
    const pybind11::gil_scoped_release release;
    return work();
  };
  arrays.check();
  try {
    if constexpr (std::is_void_v<decltype(run())>) {
      run();
      arrays.check();
    } else {
      auto result = run();
      arrays.check();
      return result;
    }
  } catch (const Interrupted&) {
    throw;  // a signal's Python exception is set
  } catch (...) {
    arrays.check();
    throw;
  }
}

// The same for work(job) with a job of its own.
template <class Work>
auto run_without_gil(unsigned n_threads, const pybind11::object& progress, ArraysRead& arrays,
                     const Work& work) {
  PythonMonitor monitor(progress);
  return run_without_gil(arrays, [&] {
    Job job(n_threads, &monitor);
    arrays.watch(job);
    return work(job);
  });
}

}  // namespace thinset::bindings
