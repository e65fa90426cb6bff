// The largest of many values, and its row.
#pragma once

#include <atomic>
#include <cstddef>
#include <limits>

namespace thinset {

// Ties go to the lower row, so the order of offers does not matter.
struct BestRow {
  double value = -std::numeric_limits<double>::infinity();
  std::size_t row = std::numeric_limits<std::size_t>::max();

  void offer(double other_value, std::size_t other_row) {
    if (other_value > value || (other_value == value && other_row < row)) {
      value = other_value;
      row = other_row;
    }
  }
};

// The best value any thread has seen so far: rows that are certainly below it can be skipped.
class Bar {
 public:
  void lower_to(double value) { value_.store(value, std::memory_order_relaxed); }
  void raise_to(double value) {
    double seen = value_.load(std::memory_order_relaxed);
    while (seen < value && !value_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
  }
  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<double> value_{-std::numeric_limits<double>::infinity()};
};

}  // namespace thinset
