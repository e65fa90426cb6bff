// Distances measured in float32, as bounds on those that the float64 kernels measure. Proof:
// docs/algorithms.md, "Rough sums".
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "rows/distance.hpp"
#include "simd/rough_kernels.hpp"

namespace thinset {

struct RoughDistance {
  double at_most;          // not below the distance as measured in float64
  double square_at_least;  // not above the squared Euclidean distance (cosine: of directions)
};

template <class T>
class RoughDistances {
 public:
  explicit RoughDistances(const DistanceMeter<T>& meter)
      : meter_(meter),
        kernels_(rough_kernels<T>()),
        kind_(static_cast<std::size_t>(kind_of(meter.metric()))),
        error_((static_cast<double>(meter.n_columns()) / 16.0 + 40.0) * 0x1p-24),
        lost_(static_cast<double>(meter.n_columns()) * 0x1p-148),
        root_of_lost_(std::sqrt(lost_) * (1.0 + 0x1p-24)) {}

  // Whether the bounds are useful.
  [[nodiscard]] bool is_usable() const {
    return !std::is_same_v<T, double> && error_ < largest_error;
  }

  // Measures rows against a point; pass each result to bounds_of(). Rows may be of another type.
  template <class Value>
  void measure_rows(const Value* const* rows, std::size_t n_rows, const Point& point,
                    float* values) const {
    rough_kernels<Value>().measure[kind_](rows, n_rows, point.floats.data(), meter_.n_columns(),
                                          values);
  }
  // Rows of at least 16 columns against points_together points: values[p][i] of row i and point p.
  template <class Value>
  void measure_together(const Value* const* rows, std::size_t n_rows, const float* const* points,
                        float* const* values) const {
    rough_kernels<Value>().measure_together[kind_](rows, n_rows, points, meter_.n_columns(),
                                                   values);
  }
  // As measure_rows(), for rows in blocks (rough_blocks.hpp).
  void measure(const float* blocks, std::size_t n_blocks, const Point& point, float* values) const {
    kernels_.measure_blocks[kind_](blocks, n_blocks, point.floats.data(), meter_.n_columns(),
                                   values);
  }
  // Adds to sums[i] what bounds_of() has as `at_most` for row first + i of the matrix, if that is
  // at most `off` from what was measured, and returns the largest sum; NaN, and no sum is changed,
  // if a value is not finite.
  double add(const float* values, std::size_t first, std::size_t n, const Point& point, double off,
             double* sums) const {
    switch (meter_.metric()) {
      case Metric::cosine:
        return kernels_.add_cosine_distances(values, meter_.norms().data() + first, n, point.norm,
                                             error_, lost_ + off * point.norm, sums);
      case Metric::euclidean:
        return kernels_.add_scaled(values, n, 1.0 + error_, root_of_lost_ + off, sums);
      case Metric::sqeuclidean:
        break;
    }
    double lost = lost_;
    if (off > 0.0) {
      const double largest = *std::max_element(values, values + n);
      lost += off * (2.0 * std::sqrt(largest * (1.0 + error_) + lost_) + off);
    }
    return kernels_.add_scaled(values, n, 1.0 + error_, lost, sums);
  }
  // Whether a square, as measured in float64, is certainly not below this one; sqeuclidean only.
  [[nodiscard]] bool is_at_least(float value, double square) const {
    return value <= std::numeric_limits<float>::max() &&
           static_cast<double>(value) * (1.0 - error_) - lost_ >= square;
  }
  [[nodiscard]] RoughDistance bounds_of(float value, const T* row, double row_norm,
                                        const Point& point) const {
    if (!(std::fabs(value) <= std::numeric_limits<float>::max())) {
      const double rank = meter_.rank(row, row_norm, point);
      return {meter_.distance_from_rank(rank) * (1.0 + 0x1p-24), 0.0};
    }
    const double rough = value;
    switch (meter_.metric()) {
      case Metric::cosine: {
        const double norms = row_norm * point.norm;
        const double rank = 1.0 - rough / norms;
        const double error = error_ + lost_ / norms;
        return {std::max(rank, 0.0) + error, 2.0 * (rank - error)};
      }
      case Metric::euclidean:
        return {rough * (1.0 + error_) + root_of_lost_,
                rough * rough * (1.0 - 2.0 * error_) - lost_};
      case Metric::sqeuclidean:
        break;
    }
    return {rough * (1.0 + error_) + lost_, rough * (1.0 - error_) - lost_};
  }

 private:
  static constexpr double largest_error = 0.01;

  static RoughValue kind_of(Metric metric) {
    switch (metric) {
      case Metric::cosine:
        return RoughValue::dot;
      case Metric::euclidean:
        return RoughValue::root;
      case Metric::sqeuclidean:
        break;
    }
    return RoughValue::square;
  }

  const DistanceMeter<T>& meter_;
  const RoughKernels<T>& kernels_;
  std::size_t kind_;
  double error_;         // relative; for cosine, absolute
  double lost_;          // by squares or products that underflow
  double root_of_lost_;  // of a root
};

}  // namespace thinset
