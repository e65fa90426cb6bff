// A file that appears whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace thinset {

class Job;
class Partial;

// Written under a temporary name beside the target; commit() syncs and renames it. Without commit()
// the temporary file is removed and the target stays as it was. A symbolic link under the target's
// name is replaced, not followed. Every failure is a FileError.
class OutputFile {
 public:
  // `shown` is the name for messages, where it is not the target. Throws InvalidInput where the
  // target is there and is no regular file.
  explicit OutputFile(std::filesystem::path target, std::filesystem::path shown = {});
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Takes the space now, so that a full disk is known before the work.
  void reserve(std::uint64_t size);
  // Thread-safe for disjoint ranges.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  // Starts bringing a range to the disk while the work goes on. Best for what is not written again.
  void start_syncing(std::uint64_t offset, std::uint64_t size) noexcept;
  // Brings everything to the disk in steps between which `job` can be interrupted; that leaves
  // commit() little to wait for.
  void sync(Job& job);
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path shown_;
  std::unique_ptr<Partial> partial_;
};

}  // namespace thinset
