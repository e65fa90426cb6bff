/// @file
/// Turns reads of a mapped file that became shorter into an exception instead of a signal.
///
/// Reading a page of a mapping beyond the end of its file, or one that the disk cannot deliver,
/// raises SIGBUS, which ends the process. While a guard exists, such a page in its range is
/// replaced by zeros and the guard is marked. The reading loop continues, and the library throws at
/// its next check (Job checks after every block). The zeros stay in the mapping.
///
/// The handler is installed with the first guard and removed with the last. It passes every other
/// SIGBUS on to the handler that it replaced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

class MappingGuard {
 public:
  /// The largest number of guards at a time; further guards do not protect.
  static constexpr std::size_t max_guards = 4096;

  /// `bytes` may be part of a mapped file, called `name` in messages; other memory is never
  /// touched.
  MappingGuard(std::span<const std::byte> bytes, std::string name);
  ~MappingGuard();
  MappingGuard(MappingGuard&& other) noexcept;
  MappingGuard& operator=(MappingGuard&& other) noexcept;
  MappingGuard(const MappingGuard&) = delete;
  MappingGuard& operator=(const MappingGuard&) = delete;

  /// Whether a page of the range was replaced by zeros.
  [[nodiscard]] bool is_broken() const noexcept;
  /// Throws FormatError if one was.
  void check() const;

  /// The number of replacements in this process: while it is unchanged, no guard has changed.
  static std::uint64_t n_replacements() noexcept;

 private:
  static constexpr std::size_t none = max_guards;

  std::string name_;
  std::size_t slot_ = none;
};

}  // namespace THINSET_API thinset
