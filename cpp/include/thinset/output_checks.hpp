/// @file
/// Checks of an output before any work.
#pragma once

#include <filesystem>
#include <span>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

/// Throws InvalidInput if `output` exists and is one of the inputs under any name (a relative path,
/// a symbolic or a hard link), or is not a regular file: a folder, FIFO, device or socket is never
/// replaced. Missing inputs are not checked here.
void check_output(const std::filesystem::path& output,
                  std::span<const std::filesystem::path> inputs = {});

}  // namespace THINSET_API thinset
