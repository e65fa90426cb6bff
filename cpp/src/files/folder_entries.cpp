#include "files/folder_entries.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>

namespace thinset {

namespace {

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};
using OpenFolder = std::unique_ptr<DIR, CloseFolder>;

// The next name except "." and ".."; null at the end (errno 0) or on failure.
const char* next_name(DIR* folder) noexcept {
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder);
    if (entry == nullptr) {
      return nullptr;
    }
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      return entry->d_name;
    }
  }
}

OpenFolder open_folder_at(int parent, const char* name) noexcept {
  const int descriptor = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) {
    return nullptr;
  }
  OpenFolder folder(::fdopendir(descriptor));
  if (!folder) {
    ::close(descriptor);
  }
  return folder;
}

void remove_at(int parent, const char* name) noexcept {
  // Removing entries may hide others while a folder is read, and a failure may be temporary.
  constexpr int max_rounds = 3;
  for (int round = 0; round < max_rounds; ++round) {
    if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT) {
      return;
    }
    OpenFolder folder = open_folder_at(parent, name);
    if (folder) {
      while (const char* entry = next_name(folder.get())) {
        remove_at(::dirfd(folder.get()), entry);
      }
      folder.reset();
      if (::unlinkat(parent, name, AT_REMOVEDIR) == 0) {
        return;
      }
    }
  }
}

}  // namespace

int for_each_name(const std::filesystem::path& folder,
                  const std::function<bool(const char* name)>& action) {
  OpenFolder open;
  do {
    open.reset(::opendir(folder.c_str()));
  } while (!open && errno == EINTR);
  if (!open) {
    return errno;
  }
  while (const char* name = next_name(open.get())) {
    if (!action(name)) {
      return 0;
    }
  }
  return errno;
}

void remove_quietly(const std::filesystem::path& path) noexcept {
  remove_at(AT_FDCWD, path.c_str());
}

}  // namespace thinset
