// A file descriptor that closes itself.
#pragma once

#include <filesystem>
#include <utility>

namespace thinset {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int number() const noexcept { return number_; }
  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
  void reset() noexcept;

 private:
  int number_ = -1;
};

// open() with O_CLOEXEC, repeated if a signal interrupts it. Not open on failure; see errno.
Descriptor open_descriptor(const std::filesystem::path& path, int flags,
                           unsigned mode = 0) noexcept;

// Opens a regular file for reading. Never blocks, unlike opening a FIFO. Throws InvalidInput for a
// FIFO, device or socket, FileError if the file is missing, unreadable or a folder.
Descriptor open_regular_file(const std::filesystem::path& path);

}  // namespace thinset
