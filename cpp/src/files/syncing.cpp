#include "files/syncing.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "files/descriptor.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

int sync_descriptor(int descriptor) {
  int result = 0;
  do {
    result = ::fsync(descriptor);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

// The errors of CIFS, vboxsf and some FUSE file systems.
bool is_unsupported(int failure) {
  return failure == EINVAL || failure == ENOTSUP || failure == EOPNOTSUPP || failure == ENOSYS ||
         failure == EROFS;
}

}  // namespace

void sync_file(int descriptor, const std::filesystem::path& shown) {
  const int failure = sync_descriptor(descriptor);
  if (failure != 0 && !is_unsupported(failure)) {
    throw FileError("sync", shown, failure);
  }
}

void sync_folder(const std::filesystem::path& folder, const std::filesystem::path& shown) {
  const Descriptor descriptor = open_descriptor(folder, O_RDONLY | O_DIRECTORY);
  const int failure = descriptor.is_open() ? sync_descriptor(descriptor.number()) : errno;
  // A folder without read permission can be written to, but cannot be opened for syncing.
  const bool is_impossible = is_unsupported(failure) || failure == EBADF || failure == EACCES;
  if (failure != 0 && !is_impossible) {
    throw FileError("sync", shown, failure);
  }
}

}  // namespace thinset
