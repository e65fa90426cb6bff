/// @file
/// A file that is written atomically.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "thinset/api.hpp"

namespace thinset {

class Partial;

}  // namespace thinset

namespace THINSET_API thinset {

class Job;

/// Written under a temporary name beside the target; commit() syncs and renames it. Without
/// commit() the temporary file is removed and the target is unchanged. A symbolic link under the
/// target's name is replaced, not followed. Every failure is a FileError.
class OutputFile {
 public:
  /// `shown` is the name for messages if it differs from the target. Throws InvalidInput if the
  /// target exists and is not a regular file.
  explicit OutputFile(std::filesystem::path target, std::filesystem::path shown = {});
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Reserves the space, so that a full disk is detected before the work.
  void reserve(std::uint64_t size);
  /// Thread-safe for disjoint ranges.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Starts writing a range to the disk in the background. Use it for ranges that are not written
  /// again.
  void start_syncing(std::uint64_t offset, std::uint64_t size) noexcept;
  /// Writes everything to the disk in steps between which `job` can be interrupted, so that
  /// commit() has little to wait for.
  void sync(Job& job);
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path shown_;
  std::unique_ptr<Partial> partial_;
};

}  // namespace THINSET_API thinset
