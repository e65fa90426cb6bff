// The commands of the binary, one function each.
#pragma once

#include "options.hpp"
#include "thinset/monitor.hpp"

namespace thinset::filter {

// Prints results to standard output. Throws the library's exceptions.
void run(const Options& options, Monitor& monitor);

}  // namespace thinset::filter
