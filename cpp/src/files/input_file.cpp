#include "files/input_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "thinset/error.hpp"

namespace thinset {

InputFile::InputFile(std::filesystem::path path)
    : path_(std::move(path)), file_(open_regular_file(path_)) {
  struct stat status{};
  if (::fstat(file_.number(), &status) != 0) {
    throw FileError("read", path_, errno);
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
#ifdef __linux__
  // expect() says what to read ahead; the system would guess.
  ::posix_fadvise(file_.number(), 0, 0, POSIX_FADV_RANDOM);
#endif
}

void InputFile::read_at(std::uint64_t offset, std::span<std::byte> destination) const {
  while (!destination.empty()) {
    const ssize_t n =
        ::pread(file_.number(), destination.data(), destination.size(), static_cast<off_t>(offset));
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      throw FileError("read", path_, errno);
    }
    if (n == 0) {
      throw FormatError("'" + path_.string() + "' became shorter while it was read");
    }
    destination = destination.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

void InputFile::expect([[maybe_unused]] std::uint64_t offset,
                       [[maybe_unused]] std::size_t size) const noexcept {
#ifdef __linux__
  // A hint: if it fails, read_at still reads the range or reports the error.
  ::posix_fadvise(file_.number(), static_cast<off_t>(offset), static_cast<off_t>(size),
                  POSIX_FADV_WILLNEED);
#endif
}

bool InputFile::is_resident([[maybe_unused]] std::uint64_t offset) const noexcept {
#ifdef RWF_NOWAIT
  std::byte byte{};
  const iovec where{&byte, 1};
  return ::preadv2(file_.number(), &where, 1, static_cast<off_t>(offset), RWF_NOWAIT) == 1;
#else
  return false;
#endif
}

}  // namespace thinset
