// Measures consecutive rows roughly; those of few columns are stored again for it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "bounds/rough_distance.hpp"
#include "rows/selection_size.hpp"
#include "rows/widened.hpp"
#include "simd/screen_kernels.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Where a row has fewer columns than a register has lanes, all rows are kept in the blocks of
// screen_kernels.hpp, so that one load takes a coordinate of 16 of them.
template <class T>
class RoughBlocks {
 public:
  RoughBlocks(const DistanceMeter<T>& meter, const RoughDistances<T>& rough)
      : meter_(meter), rough_(rough) {}

  static std::uint64_t memory(const SelectionSize& size) {
    return is_worth(size.n_columns) ? (size.n_rows + points_per_block) * size.n_columns * 4 : 0;
  }

  // The first time, if the rows have so few columns.
  void fill(Job& job) {
    if (is_used() || !is_worth(meter_.n_columns())) {
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
  [[nodiscard]] bool is_used() const { return !values_.empty(); }

  // As RoughDistances::measure, the rows [begin, end): from blocks if there are any, and then
  // `begin` must be the first row of one, and `values` have room for whole blocks.
  void measure(std::size_t begin, std::size_t end, const Point& point, float* values) const {
    if (is_used()) {
      const std::size_t n_blocks = (end - begin + points_per_block - 1) / points_per_block;
      rough_.measure(values_.data() + start_of(begin), n_blocks, point, values);
      return;
    }
    std::array<const T*, points_per_group> rows;
    for (std::size_t first = begin; first < end; first += rows.size()) {
      const std::size_t n = std::min(rows.size(), end - first);
      for (std::size_t i = 0; i < n; ++i) {
        rows[i] = meter_.rows().row(first + i);
      }
      rough_.measure(rows.data(), n, point, values + (first - begin));
    }
  }

 private:
  static bool is_worth(std::size_t n_columns) {
    return !std::is_same_v<T, double> && n_columns < points_per_block;
  }
  [[nodiscard]] std::size_t start_of(std::size_t row) const {
    return row / points_per_block * points_per_block * meter_.n_columns();
  }

  const DistanceMeter<T>& meter_;
  const RoughDistances<T>& rough_;
  std::vector<float> values_;
};

}  // namespace thinset
