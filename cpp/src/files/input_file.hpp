// A file read at any offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "files/descriptor.hpp"

namespace thinset {

// Reading, unlike a mapping, turns a file that shrinks or a disk that fails under it into an error
// instead of a signal, and fetches what was asked for: a page fault in a mapping also fetches its
// surroundings, up to megabytes of them. All members are thread-safe.
class InputFile {
 public:
  // Throws what open_regular_file throws.
  explicit InputFile(std::filesystem::path path);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  // When it was opened.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  // Throws FileError, or FormatError where the file has become too short.
  void read_at(std::uint64_t offset, std::span<std::byte> destination) const;

  // Starts reading a range that read_at will soon be asked for, without waiting for it.
  void expect(std::uint64_t offset, std::size_t size) const noexcept;

  // Whether the byte at `offset` is in memory; false where the system does not say.
  [[nodiscard]] bool is_resident(std::uint64_t offset) const noexcept;

 private:
  std::filesystem::path path_;
  Descriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace thinset
