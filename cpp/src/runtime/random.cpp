#include "thinset/random.hpp"

#include <bit>
#include <utility>
#include <vector>

namespace thinset {

Random::Random(std::uint64_t seed) : state_{} {
  for (std::uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15U;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    word = z ^ (z >> 31);
  }
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  // Rejection on the low bits of a power-of-two range: no 128-bit arithmetic needed, and no bias.
  // Of few bits, the highest: the lowest of this generator are weaker.
  constexpr std::uint64_t most_of_53_bits = std::uint64_t{1} << 53;
  const int n_dropped = bound <= most_of_53_bits ? 11 : 1;
  const std::uint64_t limit = std::bit_ceil(bound) - 1;
  for (;;) {
    const std::uint64_t value = (next() >> n_dropped) & limit;
    if (value < bound) {
      return value;
    }
  }
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

}  // namespace thinset
