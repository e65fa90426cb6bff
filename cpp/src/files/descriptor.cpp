#include "files/descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "files/file_kind.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

void refuse_special_file(const std::filesystem::path& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    throw InvalidInput("'" + path.string() + "' is " + kind_of_file(status.st_mode) +
                       "; a regular file is needed");
  }
}

}  // namespace

void Descriptor::reset() noexcept {
  if (is_open()) {
    ::close(number_);
    number_ = -1;
  }
}

Descriptor open_descriptor(const std::filesystem::path& path, int flags, unsigned mode) noexcept {
  int number = -1;
  do {
    number = ::open(path.c_str(), flags | O_CLOEXEC, static_cast<mode_t>(mode));
  } while (number < 0 && errno == EINTR);
  return Descriptor(number);
}

Descriptor open_regular_file(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a FIFO would wait for a writer. O_NOCTTY: no controlling terminal.
  Descriptor file = open_descriptor(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat status{};
  if (!file.is_open()) {
    const int failure = errno;
    // A socket and some devices cannot be opened at all.
    if (::stat(path.c_str(), &status) == 0) {
      refuse_special_file(path, status);
    }
    throw FileError("open", path, failure);
  }
  if (::fstat(file.number(), &status) != 0) {
    throw FileError("read", path, errno);
  }
  refuse_special_file(path, status);
  if (S_ISDIR(status.st_mode)) {
    throw FileError("read", path, EISDIR);
  }
  return file;
}

}  // namespace thinset
