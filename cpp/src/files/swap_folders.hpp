// Replaces one folder by another.
#pragma once

#include <filesystem>

namespace thinset {

enum class Swap {
  exchanged,  // the old folder is now where the new one was
  replaced,   // the old folder no longer exists
  target_is_gone,
};

// Replaces the folder `target` by the folder `replacement`. One of them always has the target's
// name, except on file systems that cannot exchange names: there the old folder is moved aside for
// a moment, and restore_replaced() restores it after a kill. Throws FileError, naming `shown`, and
// leaves the old folder in its place.
Swap swap_folders(const std::filesystem::path& replacement, const std::filesystem::path& target,
                  const std::filesystem::path& shown);

// Cleans up after a process that was killed inside swap_folders.
void restore_replaced(const std::filesystem::path& target);

}  // namespace thinset
