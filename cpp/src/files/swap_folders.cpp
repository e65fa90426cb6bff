#include "files/swap_folders.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "files/descriptor.hpp"
#include "files/folder_entries.hpp"
#include "files/temporary_names.hpp"
#include "thinset/error.hpp"
#include "thinset/exchange.hpp"

namespace thinset {

namespace {

int rename_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

bool is_taken(int failure) { return failure == ENOTEMPTY || failure == EEXIST; }

Swap move_aside_and_in(const std::filesystem::path& replacement,
                       const std::filesystem::path& target, const std::filesystem::path& shown) {
  // Locked, so that other processes do not move it.
  const Descriptor old = open_descriptor(target, O_RDONLY | O_DIRECTORY);
  if (old.is_open()) {
    try_to_lock(old.number());
  }
  const auto aside = temporary_name(parent_of(target), target, replaced_suffix);
  int failure = rename_folder(target, aside);
  if (failure == ENOENT) {
    return Swap::target_is_gone;
  }
  if (failure != 0) {
    throw FileError("replace", shown, failure);
  }
  failure = rename_folder(replacement, target);
  // Another process may have put its folder there, which is now the old folder.
  if (failure != 0 && !is_taken(failure)) {
    rename_folder(aside, target);
    throw FileError("replace", shown, failure);
  }
  remove_quietly(aside);
  return failure == 0 ? Swap::replaced : swap_folders(replacement, target, shown);
}

}  // namespace

Swap swap_folders(const std::filesystem::path& replacement, const std::filesystem::path& target,
                  const std::filesystem::path& shown) {
  try {
    if (exchange_paths(replacement, target)) {
      return Swap::exchanged;
    }
  } catch (const FileError& error) {
    if (error.code() == ENOENT) {
      return Swap::target_is_gone;
    }
    throw FileError("replace", shown, error.code());
  }
  return move_aside_and_in(replacement, target, shown);
}

void restore_replaced(const std::filesystem::path& target) {
  for_each_leftover(parent_of(target), target, replaced_suffix,
                    [&](const std::filesystem::path& aside) {
                      struct stat status{};
                      if (::lstat(target.c_str(), &status) == 0) {
                        remove_quietly(aside);
                      } else {
                        rename_folder(aside, target);
                      }
                    });
}

}  // namespace thinset
