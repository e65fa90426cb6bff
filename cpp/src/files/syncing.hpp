// Syncs files and folders, also on file systems that support only part of it.
#pragma once

#include <filesystem>

namespace thinset {

// Throws FileError, which names `shown`. Does nothing if the file system does not support it.
void sync_file(int descriptor, const std::filesystem::path& shown);

// Makes the names in a folder durable. Network and shared file systems often cannot: the names are
// then only as durable as the file system makes them.
void sync_folder(const std::filesystem::path& folder, const std::filesystem::path& shown);

}  // namespace thinset
