// Bringing files and folders to the disk on file systems that can do less than others.
#pragma once

#include <filesystem>

namespace thinset {

// Throws FileError, which names `shown`. Does nothing where the file system has no such operation.
void sync_file(int descriptor, const std::filesystem::path& shown);

// Makes the names in a folder durable. Network and shared file systems often cannot: the names are
// then as durable as they make them.
void sync_folder(const std::filesystem::path& folder, const std::filesystem::path& shown);

}  // namespace thinset
