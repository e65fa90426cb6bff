// What a row loses by being represented by another: its distance, or minus its similarity.
#pragma once

#include <algorithm>

#include "rows/distance.hpp"
#include "rows/exponential.hpp"
#include "thinset/metric.hpp"

namespace thinset {

// A function of ranks that never falls by more than rounding. Either the distance, or minus the
// Gaussian similarity exp(-d^2 / (2 bandwidth^2)) of the Euclidean distance d, for cosine of that
// between the rows' directions, whose square is twice the rank.
class Loss {
 public:
  static Loss distance(Metric metric) { return {metric, 0.0}; }
  // `bandwidth` is in [smallest_bandwidth, largest_bandwidth].
  static Loss gaussian(Metric metric, double bandwidth) {
    const double halves = metric == Metric::cosine ? 1.0 : 0.5;
    return {metric, halves / (bandwidth * bandwidth)};
  }
  static constexpr double smallest_bandwidth = 1e-120;
  static constexpr double largest_bandwidth = 1e120;

  [[nodiscard]] Metric metric() const { return metric_; }
  [[nodiscard]] bool is_gaussian() const { return exponent_ != 0.0; }
  // Gaussian: the similarity is exp(-rank * exponent()).
  [[nodiscard]] double exponent() const { return exponent_; }
  // The loss of a row that nothing represents; Gaussian only, distances have none.
  static constexpr double of_nothing = 0.0;

  [[nodiscard]] double of_rank(double rank) const {
    if (is_gaussian()) {
      return -exp_of_minus(std::max(0.0, rank * exponent_));
    }
    return metric_ == Metric::euclidean ? std::sqrt(rank) : rank;
  }
  // Every rank above this has at least the loss of `rank`, rounding included.
  [[nodiscard]] double no_less_beyond(double rank) const {
    return is_gaussian() ? rank * (1.0 + 0x1p-50) + 0x1p-49 / exponent_ : rank;
  }

 private:
  Loss(Metric metric, double exponent) : metric_(metric), exponent_(exponent) {}

  Metric metric_;
  double exponent_;
};

}  // namespace thinset
