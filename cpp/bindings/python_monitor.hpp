// Python's signals and a progress callback, seen from a native loop that runs without the GIL.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <utility>

#include "thinset/monitor.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset::bindings {

class PythonMonitor final : public Monitor {
 public:
  // `progress` is None or a callable (done: int, total: int) -> None; what it raises stops the
  // work.
  explicit PythonMonitor(pybind11::object progress) : progress_(std::move(progress)) {}

  void report(std::uint64_t done, std::uint64_t total) override;
  bool should_stop() override;

 private:
  pybind11::object progress_;
};

// Runs work(job) without the GIL. Safe because the library touches no Python object: the arrays are
// kept alive by the caller's arguments, and the monitor takes the GIL itself.
template <class Work>
auto run_without_gil(unsigned n_threads, const pybind11::object& progress, const Work& work) {
  PythonMonitor monitor(progress);
  const pybind11::gil_scoped_release release;
  Job job(n_threads, &monitor);
  return work(job);
}

}  // namespace thinset::bindings
