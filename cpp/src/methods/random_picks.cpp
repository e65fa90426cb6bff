#include "methods/random_picks.hpp"

#include <utility>
#include <vector>

namespace thinset {

Picks random_picks(std::size_t n, std::size_t k, std::span<const std::size_t> initial,
                   Random& random) {
  std::vector<bool> taken(n, false);
  Picks picks;
  picks.rows.reserve(k);
  for (const std::size_t row : initial) {
    taken[row] = true;
    picks.rows.push_back(row);
  }
  std::vector<std::size_t> pool;
  pool.reserve(n - initial.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (!taken[i]) {
      pool.push_back(i);
    }
  }
  // The first steps of a Fisher-Yates shuffle.
  for (std::size_t t = 0; picks.rows.size() < k; ++t) {
    std::swap(pool[t], pool[t + random.below(pool.size() - t)]);
    picks.rows.push_back(pool[t]);
  }
  picks.gains.assign(picks.rows.size(), 0.0);
  return picks;
}

std::uint64_t random_picks_memory(std::uint64_t n, std::uint64_t k) {
  return n / 8 + n * sizeof(std::size_t) + k * (sizeof(std::size_t) + sizeof(double));
}

}  // namespace thinset
