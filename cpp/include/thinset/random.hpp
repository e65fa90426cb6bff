/// @file
/// Random numbers that are identical on every platform.
#pragma once

#include <array>
#include <cstdint>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

/// xoshiro256** (Blackman and Vigna 2018), its state filled by splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t next();
  /// Uniform in [0, bound), without bias. 0 < bound <= 2^63.
  std::uint64_t below(std::uint64_t bound);
  /// Uniform in [0, 1) with 53 random bits.
  double uniform();

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace THINSET_API thinset
