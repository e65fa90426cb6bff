// Exact sums of columns, with a few additions in float64 for each value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "rows/exact_sum.hpp"
#include "simd/row_kernels.hpp"

namespace thinset {

// The sums of all threads.
class ColumnSums {
 public:
  explicit ColumnSums(std::size_t n_columns) : sums_(n_columns) {}

  // From any thread; term is a float64 number or an ExactSum.
  template <class Term>
  void add(std::size_t column, const Term& term) {
    const std::scoped_lock lock(mutex_);
    sums_[column].add(term);
  }
  // terms[j] for every column, then sets them to 0.
  void move_from(std::vector<double>& terms);

  std::vector<ExactSum> take() && { return std::move(sums_); }

 private:
  std::mutex mutex_;
  std::vector<ExactSum> sums_;
};

// The extremes and sums of the rows that one thread reads.
//
// A value is split in two parts, multiples of units that are 2^-42 and 2^-85 of a limit of its
// column, so that float64 adds 1,024 of each exactly. Values beyond the limit raise it. Values with
// digits below the smaller unit are added to an ExactSum one by one; float32 has them only where
// columns hold both values and others 2^60 times as large.
template <class T>
class ColumnReader {
 public:
  static constexpr std::size_t most_rows_at_once = 64;
  static constexpr std::size_t most_rows = 1024;

  ColumnReader(std::size_t n_columns, ColumnSums& sums);

  // Adds up to most_rows_at_once rows; false if a value is not finite. Call finish() after at most
  // most_rows.
  bool add(const T* const* rows, std::size_t n_rows);
  void finish();

  [[nodiscard]] const std::vector<double>& min() const { return min_; }
  [[nodiscard]] const std::vector<double>& max() const { return max_; }

 private:
  void set_first_limits(const T* const* rows, std::size_t n_rows);
  bool add_strip(const T* const* rows, std::size_t n_rows, std::size_t begin);
  // Sets limits and parts for values up to `largest`.
  void raise_limit(std::size_t column, double largest);
  [[nodiscard]] ColumnTotals totals(std::size_t begin);

  std::size_t n_columns_;
  ColumnSums& sums_;
  std::vector<double> split_high_, split_low_, limit_, high_, low_, min_, max_;
  std::vector<std::size_t> failed_;
  bool has_limits_ = false;
};

// Of one reader per thread, and of the sums.
std::uint64_t column_sums_memory(std::uint64_t n_columns, unsigned n_threads);

}  // namespace thinset
