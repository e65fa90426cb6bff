// Bounds on the sum of the distances from one row to several points. Proofs: docs/algorithms.md,
// "Sums of distances".
#pragma once

#include <algorithm>
#include <cmath>

#include "thinset/metric.hpp"

namespace thinset {

// Sums over some points; radii are distances from the centre.
struct Totals {
  double n = 0.0;
  double radius = 0.0;
  double squared_radius = 0.0;

  friend Totals operator-(const Totals& a, const Totals& b) {
    return {a.n - b.n, a.radius - b.radius, a.squared_radius - b.squared_radius};
  }
};

// How the distances of a metric add up, given squared Euclidean distances between points (for
// cosine: between directions, where the distance is half the square).
class SumBounds {
 public:
  explicit SumBounds(Metric metric) : metric_(metric) {}

  // The largest sum of n distances whose squares add up to `squares`.
  [[nodiscard]] double from_squares(double n, double squares) const {
    const double sum = std::max(squares, 0.0);
    return metric_ == Metric::euclidean ? std::sqrt(n * sum) : half(sum);
  }
  // The triangle inequality through the centre, for a row at `radius`.
  [[nodiscard]] double from_radii(double radius, const Totals& points) const {
    if (metric_ == Metric::euclidean) {
      return points.n * radius + points.radius;
    }
    return half(radius * (points.n * radius + 2.0 * points.radius) + points.squared_radius);
  }
  // The squared Euclidean distance of a rank.
  [[nodiscard]] double square_of(double rank) const {
    return metric_ == Metric::cosine ? 2.0 * rank : rank;
  }

 private:
  [[nodiscard]] double half(double square) const {
    return metric_ == Metric::cosine ? 0.5 * square : square;
  }

  Metric metric_;
};

}  // namespace thinset
