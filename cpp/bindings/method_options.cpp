#include "method_options.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

#include "thinset/error.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

struct Option {
  std::string_view name;
  void (*set)(SelectionRequest& request, const py::handle& value);
};

// Each option of a method is one line here.
constexpr Option all_options[] = {
    {"mode",
     [](SelectionRequest& r, const py::handle& v) {
       r.top_k.mode = top_k_mode_from_name(v.cast<std::string>());
     }},
    {"refill", [](SelectionRequest& r, const py::handle& v) { r.top_k.refill = v.cast<bool>(); }},
    {"drop_constant",
     [](SelectionRequest& r, const py::handle& v) { r.top_k.drop_constant = v.cast<bool>(); }},
    {"stratified", [](SelectionRequest& r, const py::handle& v) { r.stratified = v.cast<bool>(); }},
    {"n_iterations", [](SelectionRequest& r,
                        const py::handle& v) { r.kmeans.n_iterations = v.cast<std::size_t>(); }},
    {"seeding",
     [](SelectionRequest& r, const py::handle& v) {
       r.kmeans.seeding = seeding_from_name(v.cast<std::string>());
     }},
    {"kernel",
     [](SelectionRequest& r, const py::handle& v) {
       r.facility_location.kernel = coverage_kernel_from_name(v.cast<std::string>());
     }},
    {"bandwidth",
     [](SelectionRequest& r, const py::handle& v) {
       if (!v.is_none()) {
         r.facility_location.bandwidth = v.cast<double>();
       }
     }},
    {"max_swaps",
     [](SelectionRequest& r, const py::handle& v) { r.max_swaps = v.cast<std::size_t>(); }},
};

}  // namespace

void read_options(const py::dict& options, SelectionRequest& request, ChoiceArguments* choice) {
  for (const auto& [key, value] : options) {
    const auto name = key.cast<std::string_view>();
    try {
      if (choice != nullptr && choice->take(name, value)) {
        continue;
      }
      const auto* const option = std::ranges::find(all_options, name, &Option::name);
      if (option == std::end(all_options)) {
        throw InvalidInput("no method has an option '" + std::string(name) + "'");
      }
      option->set(request, value);
    } catch (const py::cast_error&) {
      throw InvalidInput("'" + std::string(name) +
                         "' has a value of the wrong type: " + std::string(py::repr(value)));
    }
  }
}

}  // namespace thinset::bindings
