// What the binary does, one function per command.
#pragma once

#include "options.hpp"
#include "thinset/monitor.hpp"

namespace thinset::filter {

// Prints results to standard output. Throws what the library throws.
void run(const Options& options, Monitor& monitor);

}  // namespace thinset::filter
