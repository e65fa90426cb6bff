#include "thinset/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "files/partial.hpp"
#include "files/syncing.hpp"
#include "files/temporary_names.hpp"
#include "thinset/error.hpp"
#include "thinset/output_checks.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

OutputFile::OutputFile(std::filesystem::path target, std::filesystem::path shown)
    : target_(std::move(target)), shown_(shown.empty() ? target_ : std::move(shown)) {
  check_output(target_);
  partial_ = std::make_unique<Partial>(Partial::Kind::file, parent_of(target_), target_, shown_);
}

OutputFile::~OutputFile() = default;

void OutputFile::reserve(std::uint64_t size) {
  if (size == 0) {
    return;
  }
#ifdef __linux__
  // posix_fallocate would write to every block on a file system without preallocation; such a file
  // system still reports a full disk on writing.
  int failure = 0;
  do {
    failure = ::fallocate(partial_->descriptor(), 0, 0, static_cast<off_t>(size)) == 0 ? 0 : errno;
  } while (failure == EINTR);
  if (failure != 0 && failure != EOPNOTSUPP && failure != ENOSYS && failure != EINVAL) {
    throw FileError("reserve " + std::to_string(size) + " bytes for", shown_, failure);
  }
#endif
}

void OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(partial_->descriptor(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      throw FileError("write", shown_, errno);
    }
    if (written == 0) {
      throw FileError("write", shown_, ENOSPC);  // nothing was written, without an error
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

void OutputFile::start_syncing([[maybe_unused]] std::uint64_t offset,
                               [[maybe_unused]] std::uint64_t size) noexcept {
#ifdef __linux__
  // A hint: errors here occur again in sync() or commit().
  ::sync_file_range(partial_->descriptor(), static_cast<off_t>(offset), static_cast<off_t>(size),
                    SYNC_FILE_RANGE_WRITE);
#endif
}

void OutputFile::sync([[maybe_unused]] Job& job) {
#ifdef __linux__
  // A slow disk writes one step in about 0.1 s; a fast disk needs several concurrent steps.
  constexpr off_t step = off_t{1} << 22;
  constexpr off_t ahead = 8 * step;
  struct stat status{};
  if (::fstat(partial_->descriptor(), &status) != 0) {
    throw FileError("sync", shown_, errno);
  }
  if (status.st_size <= ahead) {
    return;  // steps would only make commit() wait longer
  }
  for (off_t start = 0; start < status.st_size; start += step) {
    start_syncing(static_cast<std::uint64_t>(start), static_cast<std::uint64_t>(ahead));
    const int done = ::sync_file_range(
        partial_->descriptor(), start, step,
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    // A disk error is reported only once; the fsync of commit() would not report it again.
    if (done != 0 && errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP && errno != ESPIPE) {
      throw FileError("sync", shown_, errno);
    }
    job.check();
  }
#endif
}

void OutputFile::commit() {
  sync_file(partial_->descriptor(), shown_);
  if (::rename(partial_->path().c_str(), target_.c_str()) != 0) {
    throw FileError("write", shown_, errno);
  }
  partial_.reset();
  sync_folder(parent_of(target_), parent_of(shown_));
}

}  // namespace thinset
