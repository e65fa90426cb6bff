// Measures consecutive rows roughly; they may be stored again for it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "bounds/half_rows.hpp"
#include "bounds/rough_distance.hpp"
#include "rows/selection_size.hpp"
#include "rows/widened.hpp"
#include "simd/screen_kernels.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Where a row has fewer columns than a register has lanes, all rows are kept in the blocks of
// screen_kernels.hpp, so that one load takes a coordinate of 16 of them. Where rows are measured
// often and come from memory, they are kept in half precision.
template <class T>
class RoughBlocks {
 public:
  RoughBlocks(const DistanceMeter<T>& meter, const RoughDistances<T>& rough)
      : meter_(meter), rough_(rough), halves_(meter) {}

  static std::uint64_t memory(const SelectionSize& size) {
    return is_worth(size.n_columns) ? (size.n_rows + points_per_block) * size.n_columns * 4 : 0;
  }

  // `is_often`: whether more than a few points will be measured.
  void fill(bool is_often, Job& job) {
    if (is_worth(meter_.n_columns())) {
      fill_blocks(job);
    } else if (is_often) {
      halves_.fill(job);
    }
  }
  [[nodiscard]] bool has_blocks() const { return !values_.empty(); }
  // Rows are measured as they are from now on, if they are kept in half precision.
  void forget_halves() { halves_.forget(); }

  // As RoughDistances::measure, the rows [begin, end): from blocks if there are any, and then
  // `begin` must be the first row of one, and `values` have room for whole blocks. Returns how far
  // what was measured may be from the rows, 0 without halves.
  double measure(std::size_t begin, std::size_t end, const Point& point, float* values) const {
    if (has_blocks()) {
      const std::size_t n_blocks = (end - begin + points_per_block - 1) / points_per_block;
      rough_.measure(values_.data() + start_of(begin), n_blocks, point, values);
      return 0.0;
    }
    if (halves_.is_used()) {
      measure_each(begin, end, point, values, [&](std::size_t i) { return halves_.row(i); });
      return halves_.largest_error(begin, end);
    }
    measure_each(begin, end, point, values, [&](std::size_t i) { return meter_.rows().row(i); });
    return 0.0;
  }

 private:
  void fill_blocks(Job& job) {
    if (has_blocks()) {
      return;
    }
    const std::size_t n_columns = meter_.n_columns();
    const std::size_t n_blocks = (meter_.rows().size() + points_per_block - 1) / points_per_block;
    values_.resize(n_blocks * points_per_block * n_columns);
    job.parallel_for(meter_.rows().size(), 4096, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t row = begin; row < end; ++row) {
        const T* from = meter_.rows().row(row);
        float* lane = values_.data() + start_of(row) + row % points_per_block;
        for (std::size_t j = 0; j < n_columns; ++j) {
          lane[j * points_per_block] = static_cast<float>(widened(from + j));
        }
      }
    });
  }
  template <class RowAt>
  void measure_each(std::size_t begin, std::size_t end, const Point& point, float* values,
                    const RowAt& row_at) const {
    std::array<decltype(row_at(begin)), points_per_group> rows;
    for (std::size_t first = begin; first < end; first += rows.size()) {
      const std::size_t n = std::min(rows.size(), end - first);
      for (std::size_t i = 0; i < n; ++i) {
        rows[i] = row_at(first + i);
      }
      rough_.measure_rows(rows.data(), n, point, values + (first - begin));
    }
  }
  static bool is_worth(std::size_t n_columns) {
    return !std::is_same_v<T, double> && n_columns < points_per_block;
  }
  [[nodiscard]] std::size_t start_of(std::size_t row) const {
    return row / points_per_block * points_per_block * meter_.n_columns();
  }

  const DistanceMeter<T>& meter_;
  const RoughDistances<T>& rough_;
  std::vector<float> values_;
  HalfRows<T> halves_;
};

}  // namespace thinset
