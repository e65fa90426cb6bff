// The options of the methods, from keyword arguments.
#pragma once

#include <pybind11/pybind11.h>

#include "thinset/selection.hpp"

namespace thinset::bindings {

// Sets the fields of the request that `options` names. Throws InvalidInput for an unknown name and
// for a value of a wrong type. A method ignores the options of others.
void read_options(const pybind11::dict& options, SelectionRequest& request);

}  // namespace thinset::bindings
