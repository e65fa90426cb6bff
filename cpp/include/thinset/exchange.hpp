/// @file
/// Exchanges two files or folders.
#pragma once

#include <filesystem>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

/// Atomically exchanges the contents of two paths on one file system; neither is ever missing.
/// Returns false, and changes nothing, if the system or the file system does not support it. Throws
/// FileError, which names `second`, for any other failure.
bool exchange_paths(const std::filesystem::path& first, const std::filesystem::path& second);

}  // namespace THINSET_API thinset
