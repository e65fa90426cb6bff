#include "thinset/exchange.hpp"

#include <fcntl.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif
#ifdef __APPLE__
#include <sys/stdio.h>
#endif

#include <cerrno>

#include "thinset/error.hpp"

namespace thinset {

namespace {

int exchange(const char* first, const char* second) {
#if defined(__linux__) && defined(SYS_renameat2)
  constexpr unsigned rename_exchange = 2;
  return static_cast<int>(
      ::syscall(SYS_renameat2, AT_FDCWD, first, AT_FDCWD, second, rename_exchange));
#elif defined(__APPLE__)
  return ::renamex_np(first, second, RENAME_SWAP);
#else
  errno = ENOSYS;
  return -1;
#endif
}

}  // namespace

bool exchange_paths(const std::filesystem::path& first, const std::filesystem::path& second) {
  if (exchange(first.c_str(), second.c_str()) == 0) {
    return true;
  }
  // NFS and others support only plain renames; some sandboxes forbid the call with EPERM.
  if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP || errno == EOPNOTSUPP ||
      errno == EPERM) {
    return false;
  }
  throw FileError("replace", second, errno);
}

}  // namespace thinset
