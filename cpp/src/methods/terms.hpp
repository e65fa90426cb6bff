// The terms on which a method picks rows, beside its objective.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include "methods/limits.hpp"
#include "thinset/metric.hpp"

namespace thinset {

// Rows are positions of the method's view. The default changes nothing: a method that is given it
// makes the picks of a plain call, bit for bit.
struct Terms {
  // The first so many of the `initial` rows are elsewhere: they count as picked, but are not in the
  // result and have no gain.
  std::size_t n_elsewhere = 0;
  // Gains count times this: score^weight, per row. Empty: 1.
  std::vector<double> factors = {};
  // Rows compete by their gain times this: factor / cost, scaled by a power of two such that the
  // largest is in [1, 2). Empty: 1.
  std::vector<double> weights = {};
  // Rows at this distance or nearer to a pick are not picked; max_min only.
  double min_distance = -std::numeric_limits<double>::infinity();
  // Rows that may be picked; without limits, all.
  std::optional<Limits> limits = {};

  [[nodiscard]] double factor(std::size_t row) const {
    return factors.empty() ? 1.0 : factors[row];
  }
  [[nodiscard]] double weight(std::size_t row) const {
    return weights.empty() ? 1.0 : weights[row];
  }
  [[nodiscard]] bool is_open(std::size_t row) const { return !limits || limits->is_open(row); }

  // Counts a pick; body(row) for every row that may no longer be picked because of it.
  template <class Body>
  void pick(std::size_t row, const Body& body) {
    if (limits) {
      limits->pick(row, body);
    }
  }
  // The rows that must be picked next, after `row`.
  [[nodiscard]] std::vector<std::size_t> companions(std::size_t row) const {
    return limits ? limits->companions(row) : std::vector<std::size_t>{};
  }
};

}  // namespace thinset
