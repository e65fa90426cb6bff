// Rows drawn at random.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "methods/picks.hpp"
#include "methods/terms.hpp"
#include "thinset/random.hpp"

namespace thinset {

// k of n positions drawn without replacement, in the order drawn, after those of `initial`. Gains
// are 0.
//
// On terms: each draw is from the open rows, with probability in proportion to their factors;
// weights, which include costs, do not matter. There may be fewer than k. With factors, the
// probability that a row is drawn is off by at most 2^-52 or so of 1, the rounding of the sums that
// are drawn from.
Picks random_picks(std::size_t n, std::size_t k, std::span<const std::size_t> initial, Terms& terms,
                   Random& random);

inline Picks random_picks(std::size_t n, std::size_t k, std::span<const std::size_t> initial,
                          Random& random) {
  Terms plain;
  return random_picks(n, k, initial, plain, random);
}

// from_all_rows: without initial rows and terms.
std::uint64_t random_picks_memory(std::uint64_t n, std::uint64_t k, bool from_all_rows);

}  // namespace thinset
