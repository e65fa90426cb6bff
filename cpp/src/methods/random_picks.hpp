// Rows drawn at random.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "methods/picks.hpp"
#include "thinset/random.hpp"

namespace thinset {

// k of n positions drawn without replacement, in the order drawn, after those of `initial`. Gains
// are 0.
Picks random_picks(std::size_t n, std::size_t k, std::span<const std::size_t> initial,
                   Random& random);

std::uint64_t random_picks_memory(std::uint64_t n, std::uint64_t k);

}  // namespace thinset
