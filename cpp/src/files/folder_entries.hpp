// The entries of a folder. std::filesystem's iterators, which remove_all uses, terminate the
// process if memory runs out while they advance.
#pragma once

#include <filesystem>
#include <functional>

namespace thinset {

// Calls action(name) for every entry until it returns false. 0 or the error number.
int for_each_name(const std::filesystem::path& folder,
                  const std::function<bool(const char* name)>& action);

// Removes a file, or a folder with everything in it; links are not followed. Best effort.
void remove_quietly(const std::filesystem::path& path) noexcept;

}  // namespace thinset
