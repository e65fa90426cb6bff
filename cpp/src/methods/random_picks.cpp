#include "methods/random_picks.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>
#include <utility>
#include <vector>

namespace thinset {

namespace {

// Draws from the pool without replacement, all alike: the first steps of a Fisher-Yates shuffle.
class EvenDraws {
 public:
  explicit EvenDraws(std::vector<std::size_t> pool) : pool_(std::move(pool)) {}

  [[nodiscard]] bool empty() const { return n_drawn_ == pool_.size(); }
  std::size_t draw(Random& random) {
    std::swap(pool_[n_drawn_], pool_[n_drawn_ + random.below(pool_.size() - n_drawn_)]);
    return pool_[n_drawn_++];
  }

 private:
  std::vector<std::size_t> pool_;
  std::size_t n_drawn_ = 0;
};

// The same draws from the rows 0 to n - 1, of which only those are stored that have been moved.
class SparseDraws {
 public:
  SparseDraws(std::size_t n, std::size_t k) : n_(n) { moved_.reserve(k); }

  [[nodiscard]] bool empty() const { return n_drawn_ == n_; }
  std::size_t draw(Random& random) {
    const std::size_t place = n_drawn_ + random.below(n_ - n_drawn_);
    const std::size_t row = row_at(place);
    moved_[place] = row_at(n_drawn_++);
    return row;
  }

 private:
  [[nodiscard]] std::size_t row_at(std::size_t place) const {
    const auto moved = moved_.find(place);
    return moved == moved_.end() ? place : moved->second;
  }

  std::size_t n_;
  std::size_t n_drawn_ = 0;
  std::unordered_map<std::size_t, std::size_t> moved_;
};

// Whether so few rows are drawn that SparseDraws takes less memory and time.
bool are_sparse(std::uint64_t n, std::uint64_t k) { return k < n / 64; }

// Draws with probability in proportion to a factor. A complete binary tree holds sums: each node is
// the sum of its two children, so that a draw changes the sums on one path, and sums depend on the
// remaining factors alone, not on the draws before.
class WeightedDraws {
 public:
  WeightedDraws(std::vector<std::size_t> pool, const std::vector<double>& factors)
      : pool_(std::move(pool)), n_leaves_(std::bit_ceil(std::max<std::size_t>(pool_.size(), 1))) {
    sums_.assign(2 * n_leaves_, 0.0);
    double largest = 0.0;
    for (const std::size_t row : pool_) {
      largest = std::max(largest, factors[row]);
    }
    // A power of two, so that no sum overflows; it changes no draw.
    const int exponent = largest > 0.0 ? std::ilogb(largest) : 0;
    for (std::size_t i = 0; i < pool_.size(); ++i) {
      sums_[n_leaves_ + i] = std::scalbn(factors[pool_[i]], -exponent);
    }
    for (std::size_t node = n_leaves_; node-- > 1;) {
      sums_[node] = sums_[2 * node] + sums_[2 * node + 1];
    }
  }

  [[nodiscard]] bool empty() const { return !(sums_[1] > 0.0); }
  std::size_t draw(Random& random) {
    double target = random.uniform() * sums_[1];
    std::size_t node = 1;
    while (node < n_leaves_) {
      const double left = sums_[2 * node];
      // Rounding must not lead to a branch without any probability.
      if (target < left || !(sums_[2 * node + 1] > 0.0)) {
        node = 2 * node;
      } else {
        target -= left;
        node = 2 * node + 1;
      }
    }
    const std::size_t row = pool_[node - n_leaves_];
    sums_[node] = 0.0;
    for (node /= 2; node > 0; node /= 2) {
      sums_[node] = sums_[2 * node] + sums_[2 * node + 1];
    }
    return row;
  }

 private:
  std::vector<std::size_t> pool_;
  std::size_t n_leaves_;
  std::vector<double> sums_;  // node 1 is the root, nodes 2n and 2n + 1 are the children of n
};

}  // namespace

Picks random_picks(std::size_t n, std::size_t k, std::span<const std::size_t> initial, Terms& terms,
                   Random& random) {
  Picks picks;
  picks.rows.reserve(k);
  const auto take = [&](std::size_t row) {
    picks.rows.push_back(row);
    terms.pick(row, [](std::size_t) {});
  };
  const auto draw_from = [&](auto draws) {
    while (picks.rows.size() < k && !draws.empty()) {
      const std::size_t row = draws.draw(random);
      // A row that was closed since is as if it had never been in the pool.
      if (terms.is_open(row)) {
        take(row);
        for (const std::size_t companion : terms.companions(row)) {
          take(companion);
        }
      }
    }
  };
  if (initial.empty() && !terms.limits && terms.factors.empty() && are_sparse(n, k)) {
    draw_from(SparseDraws(n, k));
    picks.gains.assign(picks.rows.size(), 0.0);
    return picks;
  }
  std::vector<bool> taken(n, false);
  for (std::size_t i = 0; i < initial.size(); ++i) {
    taken[initial[i]] = true;
    if (i < terms.n_elsewhere) {
      terms.pick(initial[i], [](std::size_t) {});
    } else {
      take(initial[i]);
    }
  }
  std::vector<std::size_t> pool;
  pool.reserve(n - initial.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (!taken[i] && terms.is_open(i)) {
      pool.push_back(i);
    }
  }
  if (terms.factors.empty()) {
    draw_from(EvenDraws(std::move(pool)));
  } else {
    draw_from(WeightedDraws(std::move(pool), terms.factors));
  }
  picks.gains.assign(picks.rows.size(), 0.0);
  return picks;
}

std::uint64_t random_picks_memory(std::uint64_t n, std::uint64_t k, bool from_all_rows) {
  const std::uint64_t picks = k * (sizeof(std::size_t) + sizeof(double));
  if (from_all_rows && are_sparse(n, k)) {
    return picks + k * (5 * sizeof(std::size_t) + 2 * sizeof(void*));
  }
  return picks + n / 8 + n * sizeof(std::size_t);
}

}  // namespace thinset
