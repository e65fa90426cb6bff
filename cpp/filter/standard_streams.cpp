#include "standard_streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "signals.hpp"
#include "thinset/error.hpp"

namespace thinset::filter {

namespace {

constexpr const char* output_name = "standard output";

// Writes everything. Returns 0, the error number, or EINTR if a signal asks to stop.
int write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (written == 0) {
      return ENOSPC;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      // The stream shares its state with other processes, one of which has made it non-blocking.
      pollfd stream{descriptor, POLLOUT, 0};
      ::poll(&stream, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
    if (!text.empty() && signal_received() != 0) {
      return EINTR;
    }
  }
  return 0;
}

}  // namespace

void occupy_standard_streams() noexcept {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF) {
      // Takes the lowest free number, which is this one. A folder always exists and cannot be
      // written to.
      [[maybe_unused]] const int taken = ::open("/", O_RDONLY | O_DIRECTORY);
    }
  }
}

void print(std::string_view text) {
  const int failure = write_all(STDOUT_FILENO, text);
  if (failure == EINTR) {
    throw Interrupted();
  }
  if (failure != 0) {
    throw FileError("write to", output_name, failure);
  }
}

void close_output() {
  if (::close(STDOUT_FILENO) != 0 && errno != EINTR) {
    throw FileError("write to", output_name, errno);
  }
}

bool print_message(std::string_view text) noexcept { return write_all(STDERR_FILENO, text) == 0; }

bool is_standard_output(const std::filesystem::path& path) noexcept {
  struct stat output{};
  struct stat file{};
  return ::fstat(STDOUT_FILENO, &output) == 0 && S_ISREG(output.st_mode) &&
         ::stat(path.c_str(), &file) == 0 && output.st_dev == file.st_dev &&
         output.st_ino == file.st_ino;
}

}  // namespace thinset::filter
