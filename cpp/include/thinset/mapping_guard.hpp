// Reads of a mapped file that became shorter, as an exception instead of a signal.
//
// A page of a mapping that lies beyond the end of its file, or that the disk cannot deliver, raises
// SIGBUS when it is read, which ends the process. While a guard lives, such a page in its range is
// replaced by zeros and the guard is marked: the loop that was reading goes on, and the library
// throws as soon as it looks (Job does so after every block). The zeros stay in the mapping.
//
// The handler is installed with the first guard, stands before the one that it finds, to which it
// passes on every other SIGBUS, and is taken back with the last guard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace thinset {

class MappingGuard {
 public:
  // Of the guards that live at a time; further ones do not protect.
  static constexpr std::size_t max_guards = 4096;

  // `bytes` may lie in a mapped file, which messages call `name`; other memory is never touched.
  MappingGuard(std::span<const std::byte> bytes, std::string name);
  ~MappingGuard();
  MappingGuard(MappingGuard&& other) noexcept;
  MappingGuard& operator=(MappingGuard&& other) noexcept;
  MappingGuard(const MappingGuard&) = delete;
  MappingGuard& operator=(const MappingGuard&) = delete;

  // Whether a page of the range was replaced by zeros.
  [[nodiscard]] bool is_broken() const noexcept;
  // Throws FormatError where one was.
  void check() const;

  // How often pages were replaced in this process: where it has not changed, no guard has.
  static std::uint64_t n_replacements() noexcept;

 private:
  static constexpr std::size_t none = max_guards;

  std::string name_;
  std::size_t slot_ = none;
};

}  // namespace thinset
