// The keyword arguments of a selection that the bindings do not name: options of methods, and a
// choice.
#pragma once

#include <pybind11/pybind11.h>

#include "choice_arguments.hpp"
#include "thinset/selection.hpp"

namespace thinset::bindings {

// Sets the fields of the request that `options` names, and those of `choice` unless it is null.
// Throws InvalidInput for an unknown name and for a value of a wrong type. A method ignores the
// options of others.
void read_options(const pybind11::dict& options, SelectionRequest& request,
                  ChoiceArguments* choice = nullptr);

}  // namespace thinset::bindings
