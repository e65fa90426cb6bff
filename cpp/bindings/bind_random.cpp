#include <string>

#include "bindings.hpp"
#include "thinset/error.hpp"
#include "thinset/random.hpp"

namespace py = pybind11;

namespace thinset::bindings {

void bind_random(py::module_& module) {
  // A plain metaclass, which the stub can express. Final, because only pybind11's metaclass handles
  // subclasses that do not call __init__.
  const py::metaclass plain(reinterpret_cast<PyObject*>(&PyType_Type));
  py::class_<Random>(module, "Random", plain, py::is_final(),
                     "The core's random numbers (xoshiro256**), the same on every platform.")
      .def(py::init<std::uint64_t>(), py::arg("seed"))
      .def(
          "below",
          [](Random& random, std::uint64_t bound) {
            constexpr std::uint64_t largest = std::uint64_t{1} << 63;
            if (bound < 1 || bound > largest) {
              throw InvalidInput("bound must be in [1, 2**63], got " + std::to_string(bound));
            }
            return random.below(bound);
          },
          py::arg("bound"), "Uniform in [0, bound), without bias.")
      .def("uniform", &Random::uniform, "Uniform in [0, 1), with 53 random bits.");
}

}  // namespace thinset::bindings
