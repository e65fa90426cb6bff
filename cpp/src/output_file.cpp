#include "thinset/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "thinset/error.hpp"

namespace thinset {

namespace {

std::filesystem::path parent_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

void sync_directory(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) {
    throw FileError("open", path, errno);
  }
  const int failure = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  // Some file systems cannot sync a folder; the rename is then as durable as they make it.
  if (failure != 0 && failure != EINVAL) {
    throw FileError("sync", path, failure);
  }
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path target) : target_(std::move(target)) {
  std::string file_name(".");
  file_name += target_.filename().string();
  file_name += ".XXXXXX.partial";
  std::string name = (parent_of(target_) / file_name).string();
  descriptor_ =
      ::mkostemps(name.data(), static_cast<int>(std::string(".partial").size()), O_CLOEXEC);
  if (descriptor_ < 0) {
    throw FileError("create", target_, errno);
  }
  partial_ = name;
  // mkstemp makes private files; give this one the rights any new file would get.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(descriptor_, 0666 & ~mask);
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    ::unlink(partial_.c_str());
  }
}

void OutputFile::reserve(std::uint64_t size) {
  if (size == 0) {
    return;
  }
#ifdef __linux__
  // posix_fallocate would write to every block of a file system without preallocation; that still
  // reports a full disk when it is written to.
  int failure = 0;
  do {
    failure = ::fallocate(descriptor_, 0, 0, static_cast<off_t>(size)) == 0 ? 0 : errno;
  } while (failure == EINTR);
  if (failure != 0 && failure != EOPNOTSUPP && failure != ENOSYS && failure != EINVAL) {
    throw FileError("reserve " + std::to_string(size) + " bytes for", target_, failure);
  }
#endif
}

void OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      throw FileError("write", target_, errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

void OutputFile::start_syncing([[maybe_unused]] std::uint64_t offset,
                               [[maybe_unused]] std::uint64_t size) noexcept {
#ifdef __linux__
  // A hint: what fails here fails again in sync() or commit().
  ::sync_file_range(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(size),
                    SYNC_FILE_RANGE_WRITE);
#endif
}

void OutputFile::sync([[maybe_unused]] Job& job) {
#ifdef __linux__
  // A slow disk writes one step in about 0.1 s; a fast one needs several under way.
  constexpr off_t step = off_t{1} << 22;
  constexpr off_t ahead = 8 * step;
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) {
    throw FileError("sync", target_, errno);
  }
  if (status.st_size <= ahead) {
    return;  // steps would only add to what commit() waits for
  }
  for (off_t start = 0; start < status.st_size; start += step) {
    start_syncing(static_cast<std::uint64_t>(start), static_cast<std::uint64_t>(ahead));
    const int done = ::sync_file_range(
        descriptor_, start, step,
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    // An error of the disk is reported once: the fsync of commit() would not see it again.
    if (done != 0 && errno != ENOSYS && errno != EINVAL && errno != ESPIPE) {
      throw FileError("sync", target_, errno);
    }
    job.check();
  }
#endif
}

void OutputFile::commit() {
  if (::fsync(descriptor_) != 0) {
    throw FileError("sync", target_, errno);
  }
  if (::rename(partial_.c_str(), target_.c_str()) != 0) {
    throw FileError("write", target_, errno);
  }
  ::close(descriptor_);
  descriptor_ = -1;
  sync_directory(parent_of(target_));
}

}  // namespace thinset
