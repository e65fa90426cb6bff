// What an output may not be, checked before any work.
#pragma once

#include <filesystem>
#include <span>

namespace thinset {

// Throws InvalidInput where `output` exists and is one of the inputs, by whatever name (a relative
// path, a symbolic or a hard link), or is no regular file: a folder, FIFO, device or socket is
// never replaced. Inputs that do not exist are left to whatever opens them.
void check_output(const std::filesystem::path& output,
                  std::span<const std::filesystem::path> inputs = {});

}  // namespace thinset
