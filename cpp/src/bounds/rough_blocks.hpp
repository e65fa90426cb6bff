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

  [[nodiscard]] bool has_halves() const { return halves_.is_used(); }
  // How far what is measured may be from the rows [begin, end); 0 without halves.
  [[nodiscard]] double error(std::size_t begin, std::size_t end) const {
    return halves_.is_used() ? halves_.largest_error(begin, end) : 0.0;
  }

  // As RoughDistances::measure_rows, the rows [begin, end): from blocks if there are any, and then
  // `begin` must be the first row of one, and `values` have room for whole blocks.
  void measure(std::size_t begin, std::size_t end, const Point& point, float* values) const {
    if (has_blocks()) {
      const std::size_t n_blocks = (end - begin + points_per_block - 1) / points_per_block;
      rough_.measure(values_.data() + start_of(begin), n_blocks, point, values);
      return;
    }
    for_some_rows(begin, end, [&](const auto* rows, std::size_t n, std::size_t first) {
      rough_.measure_rows(rows, n, point, values + (first - begin));
    });
  }
  // As RoughDistances::measure_together, the rows [begin, end). Not with blocks.
  void measure_together(std::size_t begin, std::size_t end, const float* const* points,
                        float* const* values) const {
    for_some_rows(begin, end, [&](const auto* rows, std::size_t n, std::size_t first) {
      std::array<float*, points_together> outs;
      for (std::size_t p = 0; p < points_together; ++p) {
        outs[p] = values[p] + (first - begin);
      }
      rough_.measure_together(rows, n, points, outs.data());
    });
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
  // body(rows, their number, the first) for all rows [begin, end), as halves if there are any.
  template <class Body>
  void for_some_rows(std::size_t begin, std::size_t end, const Body& body) const {
    if (halves_.is_used()) {
      for_some_rows(begin, end, [&](std::size_t row) { return halves_.row(row); }, body);
    } else {
      for_some_rows(begin, end, [&](std::size_t row) { return meter_.rows().row(row); }, body);
    }
  }
  template <class RowAt, class Body>
  static void for_some_rows(std::size_t begin, std::size_t end, const RowAt& row_at,
                            const Body& body) {
    std::array<decltype(row_at(begin)), points_per_group> rows;
    for (std::size_t first = begin; first < end; first += rows.size()) {
      const std::size_t n = std::min(rows.size(), end - first);
      for (std::size_t i = 0; i < n; ++i) {
        rows[i] = row_at(first + i);
      }
      body(rows.data(), n, first);
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
