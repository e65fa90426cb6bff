// Distances between rows of embeddings.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <vector>

#include "rows/rows.hpp"
#include "rows/selection_size.hpp"
#include "simd/row_kernels.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// A row, or any other point, to measure rows against.
struct Point {
  std::vector<double> values;
  double norm = 0.0;          // cosine only
  std::vector<float> floats;  // the values, for screens
};

// Cosine distances up to this are rounding errors and count as 0: between equal rows, two roots, a
// product and a quotient are off by at most four half units in the last place of 1.
constexpr double least_cosine_rank = 0x1p-51;

// Measures rows against points. `rank` is a monotone stand-in that is cheaper than the distance
// (squares for euclidean): comparisons may use it, figures use distance_from_rank(). Ranks are
// symmetric, bit for bit: rank(i, point of j) == rank(j, point of i).
template <class T>
class DistanceMeter {
 public:
  // Throws InvalidInput for cosine if the norm of a row is zero, or its square leaves float64's
  // range (magnitudes.hpp), naming the first such row.
  DistanceMeter(const Rows<T>& rows, Metric metric, Job& job);

  [[nodiscard]] Metric metric() const { return metric_; }
  [[nodiscard]] const Rows<T>& rows() const { return rows_; }
  [[nodiscard]] std::size_t n_columns() const { return rows_.n_columns(); }
  // Whether a rough_squared_distance() proves that the squared distance, as the kernels measure it,
  // is above `rank`. float32 may round up a square that it cannot hold: lost_ covers that.
  [[nodiscard]] bool is_surely_above(float rough, double rank) const {
    return rough > rank * roughness_ + lost_ && rough <= std::numeric_limits<float>::max();
  }
  // A rank that is_surely_above() would allow: the squared distance is at least this.
  [[nodiscard]] double least_rank(float rough) const {
    const bool is_in_range = rough <= std::numeric_limits<float>::max();
    return is_in_range ? std::max((static_cast<double>(rough) - lost_) / roughness_, 0.0) : 0.0;
  }
  [[nodiscard]] double norm(std::size_t i) const { return norms_.empty() ? 0.0 : norms_[i]; }
  // Those of all rows; for cosine only.
  [[nodiscard]] const std::vector<double>& norms() const { return norms_; }
  // Of a row stored elsewhere: the same bits as if it were here.
  [[nodiscard]] double norm_of(const T* row) const;

  // Prefetches row i into the cache.
  void prefetch(std::size_t i) const {
    const T* values = rows_.row(i);
    for (std::size_t j = 0; j < n_columns(); j += 64 / sizeof(T)) {
      __builtin_prefetch(values + j, 0, 2);
    }
  }

  // Fills `point` with row i, a row stored elsewhere, or n_columns values.
  void read(std::size_t i, Point& point) const { read(rows_.row(i), norm(i), point); }
  void read(const T* row, double row_norm, Point& point) const;
  void read(const std::vector<double>& values, Point& point) const;
  // Row i as is_beyond() takes it, where it lies; null if it has to be read.
  [[nodiscard]] const float* floats_of(std::size_t i) const {
    if constexpr (std::is_same_v<T, float>) {
      return metric_ == Metric::cosine ? nullptr : rows_.row(i);
    }
    return nullptr;
  }

  [[nodiscard]] double rank(std::size_t i, const Point& point) const {
    return rank(rows_.row(i), norm(i), point);
  }
  // The same for a row stored elsewhere.
  [[nodiscard]] double rank(const T* row, double row_norm, const Point& point) const {
    if (metric_ == Metric::cosine) {
      const double dot = kernels_.dot(row, point.values.data(), point.values.size());
      const double rank = 1.0 - dot / (row_norm * point.norm);
      return rank > least_cosine_rank ? rank : 0.0;
    }
    return kernels_.squared_distance(row, point.values.data(), point.values.size());
  }
  // Whether a cheap measurement proves that the row's rank is above `rank`.
  [[nodiscard]] bool is_beyond(const T* row, const Point& point, double rank) const {
    return is_beyond(row, point.floats.data(), rank);
  }
  [[nodiscard]] bool is_beyond(const T* row, const float* floats, double rank) const {
    if (metric_ == Metric::cosine) {
      return false;
    }
    return is_surely_above(kernels_.rough_squared_distance(row, floats, n_columns()), rank);
  }
  [[nodiscard]] double distance_from_rank(double rank) const {
    return metric_ == Metric::euclidean ? std::sqrt(rank) : rank;
  }

  // The distance itself, also for magnitudes whose squares leave float64's range; for figures,
  // which must accept any embeddings.
  [[nodiscard]] double distance(std::size_t i, const Point& point) const {
    const double square = rank(i, point);
    if constexpr (std::is_same_v<T, double>) {
      const bool is_exact = square >= 0x1p-960 && square <= std::numeric_limits<double>::max();
      if (metric_ == Metric::euclidean && !is_exact) {
        return scaled_distance(i, point);
      }
    }
    return distance_from_rank(square);
  }
  // The Euclidean distance, from differences scaled to about 1 before they are squared.
  [[nodiscard]] double scaled_distance(std::size_t i, const Point& point) const;

 private:
  [[noreturn]] void refuse_norm(std::size_t i) const;

  Rows<T> rows_;
  Metric metric_;
  const RowKernels<T>& kernels_;
  std::vector<double> norms_;
  double roughness_;  // no rough square is above the exact one by a larger factor,
  double lost_;       // besides this
};

std::uint64_t distance_meter_memory(const SelectionSize& size);

// The row furthest from a point (ties: lower row): where greedy methods start.
template <class T>
std::size_t furthest_row(const DistanceMeter<T>& meter, const std::vector<double>& from, Job& job);

// Copies of the rows that a greedy method has picked, close together in memory.
template <class T>
class PickedRows {
 public:
  PickedRows(const DistanceMeter<T>& meter, std::size_t capacity) : meter_(meter) {
    values_.reserve(capacity * meter.n_columns());
    norms_.reserve(capacity);
  }

  void push_back(std::size_t row) { push_back(meter_.rows().row(row), meter_.norm(row)); }
  void push_back(const T* values, double norm) {
    values_.insert(values_.end(), values, values + meter_.n_columns());
    norms_.push_back(norm);
  }
  // Makes `row` pick number `pick`.
  void replace(std::size_t pick, std::size_t row) {
    const T* values = meter_.rows().row(row);
    std::copy_n(values, meter_.n_columns(),
                values_.begin() + static_cast<std::ptrdiff_t>(pick * meter_.n_columns()));
    norms_[pick] = meter_.norm(row);
  }
  [[nodiscard]] std::size_t size() const { return norms_.size(); }
  [[nodiscard]] const T* row(std::size_t pick) const {
    return values_.data() + pick * meter_.n_columns();
  }
  [[nodiscard]] double norm(std::size_t pick) const { return norms_[pick]; }

  [[nodiscard]] double rank(std::size_t pick, const Point& point) const {
    return meter_.rank(values_.data() + pick * meter_.n_columns(), norms_[pick], point);
  }
  [[nodiscard]] bool is_beyond(std::size_t pick, const Point& point, double rank) const {
    return is_beyond(pick, point.floats.data(), rank);
  }
  [[nodiscard]] bool is_beyond(std::size_t pick, const float* floats, double rank) const {
    return meter_.is_beyond(values_.data() + pick * meter_.n_columns(), floats, rank);
  }

 private:
  const DistanceMeter<T>& meter_;
  std::vector<T> values_;
  std::vector<double> norms_;
};

// With all of n_samples picked.
std::uint64_t picked_rows_memory(const SelectionSize& size);

}  // namespace thinset
