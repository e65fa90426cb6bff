// Elements that have one value in every row.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <vector>

#include "rows/rows.hpp"
#include "rows/widened.hpp"
#include "simd/row_kernels.hpp"

namespace thinset {

// The columns with only one value so far.
template <class T>
class ConstantColumns {
 public:
  explicit ConstantColumns(const Rows<T>& rows)
      : rows_(rows),
        first_(rows.row(0), rows.row(0) + rows.n_columns()),
        differing_bits_(rows.n_columns()),
        columns_(rows.n_columns()) {
    std::iota(columns_.begin(), columns_.end(), std::size_t{0});
  }

  void look_at(std::size_t begin, std::size_t end) {
    if (columns_.empty()) {
      return;
    }
    std::ranges::fill(differing_bits_, Bits{0});
    const bool are_few = columns_.size() < first_.size() / 8;
    for (std::size_t row = begin; row < end; ++row) {
      const T* values = rows_.row(row);
      if (are_few) {
        for (const std::size_t j : columns_) {
          compare(values, j);
        }
      } else {  // without indices, many at a time
        for (std::size_t j = 0; j < first_.size(); ++j) {
          compare(values, j);
        }
      }
    }
    std::erase_if(columns_, [&](std::size_t j) {
      return differing_bits_[j] != 0 && !has_one_value(j, begin, end);
    });
  }
  [[nodiscard]] const std::vector<std::size_t>& columns() const { return columns_; }

 private:
  using Bits = std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                  std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;

  void compare(const T* values, std::size_t j) {
    differing_bits_[j] = static_cast<Bits>(
        differing_bits_[j] | (std::bit_cast<Bits>(values[j]) ^ std::bit_cast<Bits>(first_[j])));
  }
  // By value: zeros of either sign are equal.
  [[nodiscard]] bool has_one_value(std::size_t j, std::size_t begin, std::size_t end) const {
    const double first = widened(&first_[j]);
    for (std::size_t row = begin; row < end; ++row) {
      if (widened(rows_.row(row) + j) != first) {
        return false;
      }
    }
    return true;
  }
  Rows<T> rows_;
  std::vector<T> first_;
  std::vector<Bits> differing_bits_;  // from the first row, within a block
  std::vector<std::size_t> columns_;
};

}  // namespace thinset
