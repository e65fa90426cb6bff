// The units that make up thinset._core.
#pragma once

#include <pybind11/pybind11.h>

namespace thinset::bindings {

void translate_errors(pybind11::module_& module);
void bind_estimate(pybind11::module_& module);
void bind_exchange(pybind11::module_& module);
void bind_gather(pybind11::module_& module);
void bind_kmeans_parts(pybind11::module_& module);
void bind_near_duplicates(pybind11::module_& module);
void bind_nearest(pybind11::module_& module);
void bind_npy(pybind11::module_& module);
void bind_objective(pybind11::module_& module);
void bind_parts(pybind11::module_& module);
void bind_random(pybind11::module_& module);
void bind_selection(pybind11::module_& module);
void bind_top_k_parts(pybind11::module_& module);

}  // namespace thinset::bindings
