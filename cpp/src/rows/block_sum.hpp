// Sums over rows in one fixed order.
#pragma once

#include <cstddef>

namespace thinset {

// Adds terms by ascending row within blocks of 1,024 rows, then the blocks' sums in order. Omitted
// rows count as terms of 0, which do not change a sum.
class BlockSum {
 public:
  static constexpr std::size_t rows_per_block = 1024;

  void add(std::size_t row, double term) {
    if (row >= end_) {
      total_ += block_;
      block_ = 0.0;
      end_ = (row / rows_per_block + 1) * rows_per_block;
    }
    block_ += term;
  }
  [[nodiscard]] double total() const { return total_ + block_; }

 private:
  double total_ = 0.0;
  double block_ = 0.0;
  std::size_t end_ = rows_per_block;
};

}  // namespace thinset
