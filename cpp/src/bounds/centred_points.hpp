// A growing list of rows relative to a centre, for bounds on sums of distances to them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "bounds/sum_bounds.hpp"
#include "rows/distance.hpp"
#include "simd/row_kernels.hpp"

namespace thinset {

// With the centre c, the centred sum of the first n points y is S = sum of (y - c). For cosine,
// points and rows are replaced by their directions.
struct CentredSum {
  explicit CentredSum(std::size_t n_columns) : sum(n_columns, 0.0) {}

  std::size_t n = 0;
  std::vector<double> sum;
  double centre_dot_sum = 0.0;  // c.S
};

// A move of the centre.
struct CentreShift {
  std::vector<double> vector;
  double centre_dot = 0.0;  // of the old centre and `vector`
  double square = 0.0;
  std::vector<double> along;  // entry t: the sum of (y - c).vector over the first t points
};

template <class T>
class CentredPoints {
 public:
  CentredPoints(const DistanceMeter<T>& meter, std::vector<double> centre, std::size_t capacity)
      : meter_(meter),
        kernels_(row_kernels<T>()),
        slack_(static_cast<double>(meter.n_columns() + capacity + 64) * 0x1p-50),
        centre_(std::move(centre)),
        centre_norm_(std::sqrt(dot(centre_, centre_))),
        now_(centre_.size()),
        window_(centre_.size()) {
    totals_.reserve(capacity + 1);
    totals_.push_back({});
  }

  // The relative error of sums of this many terms, on either side of a comparison.
  [[nodiscard]] double slack() const { return slack_; }
  [[nodiscard]] std::size_t size() const { return now_.n; }
  // At least the distance of point t from the centre.
  [[nodiscard]] double radius_of_point(std::size_t t) const { return radius_of(points_[t]); }

  // All points, and those before the open window.
  [[nodiscard]] const CentredSum& now() const { return now_; }
  [[nodiscard]] const CentredSum& before_window() const { return window_; }

  [[nodiscard]] const Totals& totals() const { return totals_.back(); }
  [[nodiscard]] Totals totals(std::size_t begin, std::size_t end) const {
    return totals_[end] - totals_[begin];
  }
  [[nodiscard]] Totals open_window() const { return totals_.back() - totals_[window_.n]; }

  // `point` is the row, at `radius` from the centre. A row stored elsewhere must stay where it is.
  void push_back(std::size_t row, const Point& point, double radius) {
    push_back(meter_.rows().row(row), point, radius);
  }
  void push_back(const T* row, const Point& point, double radius) {
    points_.push_back({row, point.norm});
    add(point);
    now_.centre_dot_sum = dot(centre_, now_.sum);
    now_.n = points_.size();
    count(radius);
  }

  // At least the length of the centred sum of the open window.
  [[nodiscard]] double length_of_window() const {
    std::vector<double> of_window(centre_.size());
    for (std::size_t j = 0; j < centre_.size(); ++j) {
      of_window[j] = now_.sum[j] - window_.sum[j];
    }
    return std::sqrt(dot(of_window, of_window)) + slack_ * totals_.back().radius;
  }
  void close_window() { window_ = now_; }

  // (x - c).vector for row x.
  [[nodiscard]] double centred_dot(std::size_t row, const std::vector<double>& vector,
                                   double centre_dot_vector) const {
    return centred_dot(stored(row), vector, centre_dot_vector);
  }
  [[nodiscard]] double centred_dot(std::size_t row, const CentredSum& sum) const {
    return centred_dot(row, sum.sum, sum.centre_dot_sum);
  }
  // The largest error of centred_dot(row, S), for a row at `radius`.
  [[nodiscard]] double error_of_dot(double radius) const {
    const auto terms = static_cast<double>(centre_.size() + points_.size() + 64);
    return terms * 0x1p-52 * (radius + 2.0 * centre_norm_) * totals_.back().radius;
  }
  // The largest error of totals(begin, end).squared_radius as the difference of two sums.
  [[nodiscard]] double error_of_squares(std::size_t begin, std::size_t end) const {
    return static_cast<double>(end - begin + 2) * 0x1p-50 * totals_[end].squared_radius;
  }
  // The most by which the dot product of a row at `radius` with the sum of some points is too small
  // after a move of the centre. Call before move_centre().
  [[nodiscard]] double error_of_moved_dot(double radius, const CentreShift& shift) const {
    const double length = std::sqrt(shift.square);
    const Totals& all = totals_.back();
    const double noise = meter_.metric() == Metric::cosine ? 2.0 * all.n : 0.0;
    return 16.0 * error_of_dot(radius + 3.0 * length) +
           slack_ * (radius * all.n * (2.0 * radius + centre_norm_ + length) +
                     3.0 * all.squared_radius + noise);
  }

  // At least |x - c|.
  [[nodiscard]] double radius_of(std::size_t row) const { return radius_of(stored(row)); }
  [[nodiscard]] double radius_of(const T* row, double norm) const {
    return radius_of(Stored{row, norm});
  }

  // Bounds are tight while the points are spread evenly around the centre.
  [[nodiscard]] bool is_off_centre() const {
    constexpr double tolerable_share = 0.05;
    const double n = totals_.back().n;
    return dot(now_.sum, now_.sum) >
           tolerable_share * tolerable_share * n * totals_.back().squared_radius;
  }

  // The move of the centre to the mean of the points.
  [[nodiscard]] CentreShift shift_to_mean() const {
    CentreShift shift;
    shift.vector = now_.sum;
    for (double& value : shift.vector) {
      value /= static_cast<double>(now_.n);
    }
    shift.centre_dot = dot(centre_, shift.vector);
    shift.square = dot(shift.vector, shift.vector);
    shift.along.push_back(0.0);
    for (const Stored& point : points_) {
      shift.along.push_back(shift.along.back() +
                            centred_dot(point, shift.vector, shift.centre_dot));
    }
    return shift;
  }
  // Also closes the window. The radii of the points must be added again.
  void move_centre(const CentreShift& shift) {
    for (std::size_t j = 0; j < centre_.size(); ++j) {
      centre_[j] += shift.vector[j];
    }
    centre_norm_ = std::sqrt(dot(centre_, centre_));
    // Recomputed from the points, because the old sum has errors in proportion to the old radii.
    std::ranges::fill(now_.sum, 0.0);
    Point point;
    for (const Stored& stored_point : points_) {
      meter_.read(stored_point.row, stored_point.norm, point);
      add(point);
    }
    now_.centre_dot_sum = dot(centre_, now_.sum);
    window_ = now_;
    totals_.resize(1);
  }
  void count(double radius) {
    Totals totals = totals_.back();
    totals.n += 1.0;
    totals.radius += radius;
    totals.squared_radius += radius * radius;
    totals_.push_back(totals);
  }

 private:
  static double dot(const std::vector<double>& a, const std::vector<double>& b) {
    return row_kernels<double>().dot(a.data(), b.data(), a.size());
  }
  // The values of a row and, for cosine, its norm.
  struct Stored {
    const T* row;
    double norm;
  };
  [[nodiscard]] Stored stored(std::size_t row) const {
    return {meter_.rows().row(row), meter_.norm(row)};
  }
  [[nodiscard]] double centred_dot(const Stored& point, const std::vector<double>& vector,
                                   double centre_dot_vector) const {
    const double product = kernels_.dot(point.row, vector.data(), vector.size());
    return product * unit_of(point.norm) - centre_dot_vector;
  }
  [[nodiscard]] double radius_of(const Stored& point) const {
    if (meter_.metric() != Metric::cosine) {
      const double square = kernels_.squared_distance(point.row, centre_.data(), centre_.size());
      return std::sqrt(square) * (1.0 + slack_);
    }
    const double square =
        1.0 - 2.0 * centred_dot(point, centre_, 0.0) + centre_norm_ * centre_norm_;
    return std::sqrt(std::max(square, 0.0) + slack_) * (1.0 + slack_);
  }
  void add(const Point& point) {
    const double unit = unit_of(point.norm);
    for (std::size_t j = 0; j < centre_.size(); ++j) {
      now_.sum[j] += point.values[j] * unit - centre_[j];
    }
  }
  [[nodiscard]] double unit_of(double norm) const {
    return meter_.metric() == Metric::cosine ? 1.0 / norm : 1.0;
  }

  const DistanceMeter<T>& meter_;
  const RowKernels<T>& kernels_;
  double slack_;
  std::vector<double> centre_;
  double centre_norm_;
  CentredSum now_;
  CentredSum window_;           // its value when the open window began
  std::vector<Totals> totals_;  // entry t: of the first t points
  std::vector<Stored> points_;
};

}  // namespace thinset
