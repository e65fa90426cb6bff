/// @file
/// A file mapped into memory for reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "thinset/api.hpp"
#include "thinset/mapping_guard.hpp"

namespace THINSET_API thinset {

class MappedFile {
 public:
  /// Throws as open_regular_file does.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

  /// Keep it while the bytes are read.
  [[nodiscard]] MappingGuard guard() const;
  /// Throws FormatError if the file has become shorter since it was mapped. A guard cannot detect
  /// this within a file's last page, whose rest reads as zeros.
  void check_length() const;

 private:
  std::filesystem::path path_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Returns read(), which reads the file's bytes. If the file became shorter, that exception
/// replaces any other, because read() may have seen zeros.
template <class Read>
auto read_whole(const MappedFile& file, const Read& read) {
  const MappingGuard guard = file.guard();
  const auto check = [&] {
    file.check_length();
    guard.check();
  };
  try {
    auto result = read();
    check();
    return result;
  } catch (...) {
    check();
    throw;
  }
}

}  // namespace THINSET_API thinset
