// A file read at any offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "files/descriptor.hpp"

namespace thinset {

// Unlike a mapping, reading reports a shrinking file or a failing disk as an error instead of a
// signal. It also fetches only the requested range: a page fault in a mapping also fetches its
// surroundings, up to megabytes. All members are thread-safe.
class InputFile {
 public:
  // Throws as open_regular_file does.
  explicit InputFile(std::filesystem::path path);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  // The size when it was opened.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  // Throws FileError, or FormatError if the file has become too short.
  void read_at(std::uint64_t offset, std::span<std::byte> destination) const;

  // Starts reading a range that will soon be passed to read_at, without waiting for it.
  void expect(std::uint64_t offset, std::size_t size) const noexcept;

  // Whether the byte at `offset` is in memory; false if unknown.
  [[nodiscard]] bool is_resident(std::uint64_t offset) const noexcept;

 private:
  std::filesystem::path path_;
  Descriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace thinset
