#include "files/partial.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "files/folder_entries.hpp"
#include "files/temporary_names.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

Descriptor create(Partial::Kind kind, const std::filesystem::path& path) {
  if (kind == Partial::Kind::file) {
    return open_descriptor(path, O_RDWR | O_CREAT | O_EXCL, 0666);
  }
  if (::mkdir(path.c_str(), 0777) != 0) {
    return Descriptor();
  }
  Descriptor folder = open_descriptor(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder.is_open()) {
    const int failure = errno;
    ::rmdir(path.c_str());
    // Another process has already removed it as a leftover; treat the name as in use.
    errno = failure == ENOENT ? EEXIST : failure;
  }
  return folder;
}

}  // namespace

Partial::Partial(Kind kind, const std::filesystem::path& place, const std::filesystem::path& target,
                 const std::filesystem::path& shown) {
  remove_leftovers(place, target);
  constexpr int max_attempts = 100;
  for (int attempt = 0; attempt < max_attempts; ++attempt) {
    path_ = temporary_name(place, target, partial_suffix);
    descriptor_ = create(kind, path_);
    if (!descriptor_.is_open()) {
      if (errno == EEXIST) {
        continue;
      }
      throw FileError("create", shown, errno);
    }
    // Until the lock is held, another process may treat the partial as a leftover and remove it. On
    // file systems without locks, no process removes leftovers.
    const Lock lock = try_to_lock(descriptor_.number());
    if (lock != Lock::held_by_another && is_name_of(path_, descriptor_.number())) {
      return;
    }
    remove_quietly(path_);
  }
  throw FileError("create", shown, EEXIST);
}

Partial::~Partial() { remove_quietly(path_); }

}  // namespace thinset
