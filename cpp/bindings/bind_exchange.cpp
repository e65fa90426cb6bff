#include <string>

#include "bindings.hpp"
#include "thinset/exchange.hpp"

namespace py = pybind11;

namespace thinset::bindings {

void bind_exchange(py::module_& module) {
  module.def(
      "exchange_paths",
      // Paths as bytes: their names need not be UTF-8.
      [](const py::bytes& first, const py::bytes& second) {
        const auto from = static_cast<std::string>(first);
        const auto to = static_cast<std::string>(second);
        const py::gil_scoped_release release;
        return exchange_paths(from, to);
      },
      py::arg("first"), py::arg("second"),
      "Exchange the contents of two paths in one step. Returns false, and changes nothing, if the "
      "system or the file system does not support it. Raises OSError.");
}

}  // namespace thinset::bindings
