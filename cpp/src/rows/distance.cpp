#include "rows/distance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <type_traits>

#include "rows/best_row.hpp"
#include "rows/magnitudes.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 1024;

}  // namespace

template <class T>
DistanceMeter<T>::DistanceMeter(const Rows<T>& rows, Metric metric, Job& job)
    : rows_(rows),
      metric_(metric),
      kernels_(row_kernels<T>()),
      roughness_(1.0 + (static_cast<double>(rows.n_columns()) / 16.0 + 32.0) * 0x1p-24),
      lost_(static_cast<double>(rows.n_columns()) * 0x1p-149) {
  if (metric != Metric::cosine) {
    return;
  }
  norms_.resize(rows.size());
  const std::vector<double> origin(rows.n_columns(), 0.0);
  job.parallel_for(rows.size(), rows_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
    for (std::size_t i = begin; i < end; ++i) {
      norms_[i] = std::sqrt(kernels_.squared_distance(rows_.row(i), origin.data(), origin.size()));
    }
  });
  for (std::size_t i = 0; i < norms_.size(); ++i) {
    if (!(norms_[i] >= smallest_measurable && norms_[i] <= largest_norm)) {
      refuse_norm(i);
    }
  }
}

template <class T>
void DistanceMeter<T>::refuse_norm(std::size_t i) const {
  const std::string row = "row " + std::to_string(rows_.original(i));
  std::vector<double> values(n_columns());
  kernels_.widen(rows_.row(i), values.data(), n_columns());
  double largest = 0.0;
  for (const double value : values) {
    largest = std::max(largest, std::fabs(value));
  }
  if (largest == 0.0) {
    throw InvalidInput("the cosine distance needs rows of non-zero norm: " + row + " is all zeros");
  }
  std::ostringstream message;
  if (norms_[i] < smallest_measurable) {
    message << "the cosine distance needs rows of norm " << smallest_measurable
            << " or more, or float64 cannot hold its square: " << row << " has no value beyond +-"
            << largest << "; multiply the row by " << power_of_ten_over(largest);
  } else {
    message << "the cosine distance needs rows of norm " << largest_norm
            << " or less, or float64 cannot hold its square: " << row << " holds +-" << largest
            << "; divide the row by 1e" << static_cast<int>(std::floor(std::log10(largest)));
  }
  message << ", which does not change its distances";
  throw InvalidInput(message.str());
}

template <class T>
double DistanceMeter<T>::scaled_distance(std::size_t i, const Point& point) const {
  std::vector<double> differences(n_columns());
  kernels_.widen(rows_.row(i), differences.data(), n_columns());
  double largest = 0.0;
  for (std::size_t j = 0; j < differences.size(); ++j) {
    differences[j] = std::fabs(differences[j] - point.values[j]);
    largest = std::max(largest, differences[j]);
  }
  if (largest == 0.0 || !std::isfinite(largest)) {
    return largest;
  }
  const int exponent = std::ilogb(largest);
  double square = 0.0;
  for (const double difference : differences) {
    const double scaled = std::scalbn(difference, -exponent);
    square += scaled * scaled;
  }
  return std::scalbn(std::sqrt(square), exponent);
}

template <class T>
double DistanceMeter<T>::norm_of(const T* row) const {
  if (metric_ != Metric::cosine) {
    return 0.0;
  }
  const std::vector<double> origin(n_columns(), 0.0);
  return std::sqrt(kernels_.squared_distance(row, origin.data(), origin.size()));
}

template <class T>
void DistanceMeter<T>::read(const T* row, double row_norm, Point& point) const {
  point.values.resize(n_columns());
  kernels_.widen(row, point.values.data(), n_columns());
  point.norm = row_norm;
  if constexpr (std::is_same_v<T, float>) {
    point.floats.assign(row, row + n_columns());
  } else if constexpr (!std::is_same_v<T, double>) {
    point.floats.assign(point.values.begin(), point.values.end());
  }
}

template <class T>
void DistanceMeter<T>::read(const std::vector<double>& values, Point& point) const {
  point.values = values;
  const std::vector<double> origin(values.size(), 0.0);
  point.norm = std::sqrt(
      row_kernels<double>().squared_distance(values.data(), origin.data(), values.size()));
}

template <class T>
std::size_t furthest_row(const DistanceMeter<T>& meter, const std::vector<double>& from, Job& job) {
  struct alignas(64) ThreadBest {
    BestRow best;
  };
  Point point;
  meter.read(from, point);
  std::vector<ThreadBest> bests(job.n_threads());
  job.parallel_for(meter.rows().size(), rows_per_block,
                   [&](std::size_t begin, std::size_t end, unsigned thread) {
                     BestRow best = bests[thread].best;
                     for (std::size_t i = begin; i < end; ++i) {
                       best.offer(meter.rank(i, point), i);
                     }
                     bests[thread].best = best;
                   });
  // Row 0 if no rank compares: no direction is far from a point of norm 0.
  BestRow best{-std::numeric_limits<double>::infinity(), 0};
  for (const ThreadBest& mine : bests) {
    best.offer(mine.best.value, mine.best.row);
  }
  return best.row;
}

std::uint64_t distance_meter_memory(const SelectionSize& size) {
  return size.is_cosine ? size.n_rows * sizeof(double) : 0;
}

std::uint64_t picked_rows_memory(const SelectionSize& size) {
  return size.n_samples * (size.n_columns * size.element_bytes + sizeof(double));
}

template class DistanceMeter<float>;
template class DistanceMeter<double>;
template class DistanceMeter<Float16>;
template class DistanceMeter<BFloat16>;
template std::size_t furthest_row(const DistanceMeter<float>&, const std::vector<double>&, Job&);
template std::size_t furthest_row(const DistanceMeter<double>&, const std::vector<double>&, Job&);
template std::size_t furthest_row(const DistanceMeter<Float16>&, const std::vector<double>&, Job&);
template std::size_t furthest_row(const DistanceMeter<BFloat16>&, const std::vector<double>&, Job&);

}  // namespace thinset
