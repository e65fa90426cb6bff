#include <string>

#include "bindings.hpp"
#include "thinset/version.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Native core of thinset: selection, gathering and .npy files.";
  module.attr("__version__") = std::string(thinset::version());
  thinset::bindings::translate_errors(module);
  thinset::bindings::bind_estimate(module);
  thinset::bindings::bind_exchange(module);
  thinset::bindings::bind_gather(module);
  thinset::bindings::bind_kmeans_parts(module);
  thinset::bindings::bind_near_duplicates(module);
  thinset::bindings::bind_nearest(module);
  thinset::bindings::bind_npy(module);
  thinset::bindings::bind_objective(module);
  thinset::bindings::bind_parts(module);
  thinset::bindings::bind_random(module);
  thinset::bindings::bind_selection(module);
  thinset::bindings::bind_top_k_parts(module);
}
