// Rough distances that a scan will probably ask for soon.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "bounds/rough_blocks.hpp"
#include "rows/distance.hpp"
#include "rows/selection_size.hpp"
#include "simd/rough_kernels.hpp"
#include "simd/screen_kernels.hpp"

namespace thinset {

// The next picks are mostly among the rows that have the largest sums now. So the distances of all
// rows to some of those are measured together with the distances to a pick: every row is loaded
// once for several of them. They are kept until they are asked for, or others become likelier.
template <class T>
class DistancesAhead {
 public:
  explicit DistancesAhead(const DistanceMeter<T>& meter) : meter_(meter) { forget(); }

  static std::uint64_t memory(const SelectionSize& size) {
    return is_for(size.n_columns) ? n_kept * size.n_rows * sizeof(float) : 0;
  }

  // Starts with none. `is_long`: whether more than a few picks will be measured.
  void start(bool is_long) {
    forget();
    n_asked_ = 0;
    n_measured_ = 0;
    is_on_ = is_long && is_for(meter_.n_columns());
  }
  void forget() {
    for (Column& column : columns_) {
      column.row = none();
    }
  }

  // The distances of all rows to this one; null if they were not measured.
  [[nodiscard]] const float* find(std::size_t row) {
    ++n_asked_;
    const auto* found = std::ranges::find(columns_, row, &Column::row);
    return row == none() || found == columns_.end() ? nullptr : found->values.data();
  }
  [[nodiscard]] bool has(std::size_t row) const {
    return std::ranges::find(columns_, row, &Column::row) != columns_.end();
  }

  // Whether measuring ahead pays: not if too few of the rows become picks.
  [[nodiscard]] bool is_worth_it() const {
    constexpr std::size_t n_trials = 16;
    constexpr std::size_t least_picks = 2;  // of one measurement, which takes as long as two
    return is_on_ && (n_measured_ < n_trials || n_asked_ >= least_picks * n_measured_);
  }

  // Decides what measure() measures: a pick, and likely rows without distances. They replace the
  // distances to rows with the smallest value_of(row).
  template <class ValueOf>
  void choose(const Point& pick, std::span<const std::size_t> likely, const ValueOf& value_of) {
    ++n_measured_;
    std::ranges::sort(columns_, {}, [&](const Column& column) {
      return column.row == none() ? -std::numeric_limits<double>::infinity() : value_of(column.row);
    });
    for (std::size_t p = 0; p < points_together; ++p) {
      Column& column = columns_[p];
      column.values.resize(meter_.rows().size());
      const bool is_likely = 0 < p && p <= likely.size();
      column.row = is_likely ? likely[p - 1] : none();
      if (is_likely) {
        meter_.read(column.row, points_[p]);
      } else {
        points_[p] = pick;
      }
    }
  }
  void measure(std::size_t begin, std::size_t end, const RoughBlocks<T>& blocks) {
    std::array<const float*, points_together> points;
    std::array<float*, points_together> values;
    for (std::size_t p = 0; p < points_together; ++p) {
      points[p] = points_[p].floats.data();
      values[p] = columns_[p].values.data() + begin;
    }
    blocks.measure_together(begin, end, points.data(), values.data());
  }
  // Of the pick of choose(), by row.
  [[nodiscard]] const float* distances_to_pick() const { return columns_[0].values.data(); }

 private:
  static constexpr std::size_t n_kept = 8;

  struct Column {
    std::size_t row = 0;
    std::vector<float> values;
  };

  static bool is_for(std::size_t n_coordinates) {
    return !std::is_same_v<T, double> && n_coordinates >= points_per_block;
  }
  // Where the distances are not to a row, or are those to a pick.
  [[nodiscard]] std::size_t none() const { return meter_.rows().size(); }

  const DistanceMeter<T>& meter_;
  std::array<Column, n_kept> columns_;
  std::array<Point, points_together> points_;
  bool is_on_ = false;
  std::size_t n_asked_ = 0;
  std::size_t n_measured_ = 0;
};

}  // namespace thinset
