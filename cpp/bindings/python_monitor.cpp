#include "python_monitor.hpp"

namespace py = pybind11;

namespace thinset::bindings {

void PythonMonitor::report(std::uint64_t done, std::uint64_t total) {
  if (progress_ && !progress_.is_none()) {
    const py::gil_scoped_acquire acquire;
    progress_(done, total);
  }
}

bool PythonMonitor::should_stop() {
  const py::gil_scoped_acquire acquire;
  return PyErr_CheckSignals() != 0;
}

}  // namespace thinset::bindings
