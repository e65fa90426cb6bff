/// @file
/// Lets a caller follow and stop long work.
#pragma once

#include <cstdint>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

/// Both functions are called from the thread that called into the library, about every 50 ms.
class Monitor {
 public:
  virtual ~Monitor() = default;

  /// `done` of `total` units of the current call are finished.
  virtual void report(std::uint64_t done, std::uint64_t total) = 0;

  /// True makes the library throw Interrupted as soon as its threads have stopped.
  virtual bool should_stop() = 0;
};

}  // namespace THINSET_API thinset
