// Putting one folder in the place of another.
#pragma once

#include <filesystem>

namespace thinset {

enum class Swap {
  exchanged,  // the old folder is now where the new one was
  replaced,   // the old folder is gone
  target_is_gone,
};

// Puts the folder `replacement` in the place of the folder `target`; at every moment one of them is
// under the target's name, except on file systems that cannot exchange names: there the old folder
// is moved aside for a moment, and restore_replaced() brings it back after a kill. Throws
// FileError, naming `shown`, with the old folder in its place.
Swap swap_folders(const std::filesystem::path& replacement, const std::filesystem::path& target,
                  const std::filesystem::path& shown);

// Undoes what a process that was killed inside swap_folders has left.
void restore_replaced(const std::filesystem::path& target);

}  // namespace thinset
