// Two files or folders that change places.
#pragma once

#include <filesystem>

namespace thinset {

// Gives each of two paths on one file system the content of the other, in one step: there is no
// moment at which either has none. Returns false, and changes nothing, where the system or the file
// system cannot. Throws FileError, which names `second`, for any other failure.
bool exchange_paths(const std::filesystem::path& first, const std::filesystem::path& second);

}  // namespace thinset
