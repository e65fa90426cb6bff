#include "swap_folders.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include <cerrno>

#include "folder_entries.hpp"
#include "temporary_names.hpp"
#include "thinset/descriptor.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

// 0 or the error number.
int exchange([[maybe_unused]] const char* a, [[maybe_unused]] const char* b) {
#if defined(__linux__) && defined(SYS_renameat2)
  // Not every C library has a function for it.
  constexpr unsigned rename_exchange = 2;
  return ::syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, rename_exchange) == 0 ? 0 : errno;
#elif defined(__APPLE__)
  return ::renamex_np(a, b, RENAME_SWAP) == 0 ? 0 : errno;
#else
  return ENOSYS;
#endif
}

bool is_unsupported(int failure) {
  return failure == ENOSYS || failure == EINVAL || failure == ENOTSUP || failure == EOPNOTSUPP;
}

int rename_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

bool is_taken(int failure) { return failure == ENOTEMPTY || failure == EEXIST; }

Swap move_aside_and_in(const std::filesystem::path& replacement,
                       const std::filesystem::path& target, const std::filesystem::path& shown) {
  // Locked, so that others leave it where it is.
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
  // Another process may have put its folder there; that one is the old folder now.
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
  const int failure = exchange(replacement.c_str(), target.c_str());
  if (failure == 0) {
    return Swap::exchanged;
  }
  if (failure == ENOENT) {
    return Swap::target_is_gone;
  }
  if (is_unsupported(failure)) {
    return move_aside_and_in(replacement, target, shown);
  }
  throw FileError("replace", shown, failure);
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
