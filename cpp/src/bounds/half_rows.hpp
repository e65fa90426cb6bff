// Copies of float32 rows in half precision, for measurements that wait for memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <vector>

#include "rows/distance.hpp"
#include "rows/selection_size.hpp"
#include "runtime/large_vector.hpp"
#include "simd/row_kernels.hpp"
#include "simd/screen_kernels.hpp"
#include "thinset/element.hpp"
#include "thinset/instruction_set.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Distances to a copy differ from those to its row by at most the distance between both.
template <class T>
class HalfRows {
 public:
  explicit HalfRows(const DistanceMeter<T>& meter) : meter_(meter) {}

  // Not for what a cache holds, nor for more than this memory.
  static bool is_for(std::uint64_t n_rows, std::uint64_t n_columns) {
    constexpr std::uint64_t least_bytes = std::uint64_t{2} << 20;
    constexpr std::uint64_t most_bytes = std::uint64_t{64} << 20;
    const std::uint64_t bytes = n_rows * n_columns * sizeof(Float16);
    return std::is_same_v<T, float> && least_bytes <= bytes && bytes <= most_bytes;
  }
  static std::uint64_t memory(const SelectionSize& size) {
    const bool is_copied = is_for(size.n_rows, size.n_columns) && size.element_bytes == sizeof(T);
    return is_copied ? size.n_rows * (size.n_columns * sizeof(Float16) + 1) : 0;
  }

  [[nodiscard]] bool is_used() const { return !values_.empty(); }
  // Copies all rows, unless that would be slow or too coarse.
  void fill(Job& job) {
    const std::size_t n_rows = meter_.rows().size();
    if (is_used() || was_filled_ || !is_for(n_rows, meter_.n_columns()) ||
        current_instruction_set() == InstructionSet::plain) {
      return;
    }
    was_filled_ = true;
    values_.resize(n_rows * meter_.n_columns());
    errors_.resize((n_rows + points_per_group - 1) / points_per_group);
    Point first;
    meter_.read(0, first);
    // Summed by group: distances of the rows from their copies, and from the first row.
    std::vector<double> errors(errors_.size());
    std::vector<double> distances(errors_.size());
    job.parallel_for(errors_.size(), 16, [&](std::size_t begin, std::size_t end, unsigned) {
      Point point;
      for (std::size_t row = begin * points_per_group;
           row < std::min(n_rows, end * points_per_group); ++row) {
        const std::size_t group = row / points_per_group;
        const double error = copy(row, point);
        errors_[group] = std::max(errors_[group], error);
        errors[group] += error;
        distances[group] += std::sqrt(squared_distance(meter_.rows().row(row), first));
      }
    });
    constexpr double most_error = 0x1p-10;
    if (!(std::reduce(errors.begin(), errors.end()) <=
          most_error * std::reduce(distances.begin(), distances.end()))) {
      forget();
    }
  }
  void forget() {
    values_ = {};
    errors_ = {};
  }

  [[nodiscard]] const Float16* row(std::size_t i) const {
    return values_.data() + i * meter_.n_columns();
  }
  // No row of [begin, end) is further than this from its copy.
  [[nodiscard]] double largest_error(std::size_t begin, std::size_t end) const {
    const auto first = errors_.begin() + static_cast<std::ptrdiff_t>(begin / points_per_group);
    const auto last = errors_.begin() + static_cast<std::ptrdiff_t>((end - 1) / points_per_group);
    return *std::max_element(first, last + 1);
  }

 private:
  // Returns at least the distance of the row from its copy, raised by more than the rounding of
  // sums of distances.
  double copy(std::size_t row, Point& point) {
    Float16* half = values_.data() + row * meter_.n_columns();
    if constexpr (std::is_same_v<T, float>) {
      screen_kernels().halve(meter_.rows().row(row), meter_.n_columns(), half);
    }
    meter_.read(row, point);
    return std::sqrt(squared_distance(half, point)) * (1.0 + 0x1p-20);
  }
  template <class Value>
  [[nodiscard]] double squared_distance(const Value* row, const Point& point) const {
    return row_kernels<Value>().squared_distance(row, point.values.data(), meter_.n_columns());
  }

  const DistanceMeter<T>& meter_;
  bool was_filled_ = false;
  LargeVector<Float16> values_;
  std::vector<double> errors_;  // the largest of every group of rows
};

}  // namespace thinset
