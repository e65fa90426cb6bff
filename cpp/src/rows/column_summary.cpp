#include "rows/column_summary.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>
#include <utility>

#include "rows/column_sums.hpp"
#include "rows/widened.hpp"
#include "simd/row_kernels.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 1024;
constexpr std::size_t values_at_once = 4096;

// A value that is not finite, the first one in the end.
struct BadValue {
  std::mutex mutex;
  std::atomic<std::size_t> row = std::numeric_limits<std::size_t>::max();
  std::size_t column = 0;

  template <class T>
  void look_at(const Rows<T>& rows, std::size_t i) {
    std::vector<double> values(rows.n_columns());
    row_kernels<T>().widen(rows.row(i), values.data(), values.size());
    for (std::size_t j = 0; j < values.size(); ++j) {
      if (!std::isfinite(values[j])) {
        const std::scoped_lock lock(mutex);
        if (i < row) {
          row = i;
          column = j;
        }
        return;
      }
    }
  }
};

template <class T>
[[noreturn]] void refuse_value(const Rows<T>& rows, std::size_t row, std::size_t column) {
  const double value = widened(rows.row(row) + column);
  throw InvalidInput("embeddings must be finite: row " + std::to_string(rows.original(row)) +
                     ", column " + std::to_string(column) + " is " +
                     (value != value ? "nan" : (value > 0 ? "inf" : "-inf")));
}

}  // namespace

std::vector<std::size_t> ColumnSummary::constant_columns() const {
  std::vector<std::size_t> columns;
  for (std::size_t j = 0; j < min.size(); ++j) {
    if (min[j] == max[j]) {
      columns.push_back(j);
    }
  }
  return columns;
}

template <class T>
ColumnSummary summarise_columns(const Rows<T>& rows, Job& job) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr std::size_t rows_at_once = ColumnReader<T>::most_rows_at_once;
  static_assert(rows_per_block <= ColumnReader<T>::most_rows);
  const std::size_t n_columns = rows.n_columns();
  ColumnSums sums(n_columns);
  std::vector<ColumnReader<T>> readers;
  // Any thread may take a block; a single block is left to the caller.
  const unsigned n_readers = rows.size() > rows_per_block ? job.n_threads() : 1;
  for (unsigned r = 0; r < n_readers; ++r) {
    readers.emplace_back(n_columns, sums);
  }
  BadValue bad;
  job.parallel_for(rows.size(), rows_per_block,
                   [&](std::size_t begin, std::size_t end, unsigned thread) {
                     ColumnReader<T>& reader = readers[thread];
                     std::array<const T*, rows_at_once> some;
                     for (std::size_t first = begin; first < end; first += rows_at_once) {
                       if (first > bad.row.load(std::memory_order_relaxed)) {
                         return;
                       }
                       const std::size_t n = std::min(rows_at_once, end - first);
                       for (std::size_t i = 0; i < n; ++i) {
                         some[i] = rows.row(first + i);
                       }
                       if (!reader.add(some.data(), n)) {
                         for (std::size_t i = 0; i < n; ++i) {
                           bad.look_at(rows, first + i);
                         }
                         return;
                       }
                     }
                     reader.finish();
                   });
  if (bad.row < rows.size()) {
    refuse_value(rows, bad.row, bad.column);
  }
  ColumnSummary summary{std::vector<double>(n_columns), std::vector<double>(n_columns, infinity),
                        std::vector<double>(n_columns, -infinity), std::move(sums).take()};
  for (std::size_t j = 0; j < n_columns; ++j) {
    summary.mean[j] = summary.sums[j].rounded_quotient(std::max<std::size_t>(rows.size(), 1));
    for (const ColumnReader<T>& reader : readers) {
      summary.min[j] = std::min(summary.min[j], reader.min()[j]);
      summary.max[j] = std::max(summary.max[j], reader.max()[j]);
    }
  }
  return summary;
}

template <class T>
void require_finite(const Rows<T>& rows, Job& job) {
  const std::size_t n_columns = rows.n_columns();
  // Contiguous rows are looked at as longer ones.
  const std::size_t rows_at_once =
      rows.are_contiguous() ? std::max<std::size_t>(values_at_once / n_columns, 1) : 1;
  const std::vector<Score<T>> limits(rows_at_once * n_columns,
                                     std::numeric_limits<Score<T>>::infinity());
  std::atomic<bool> is_finite = true;
  job.parallel_for(
      rows.size(), rows_per_block, [&](std::size_t begin, std::size_t end, unsigned /*thread*/) {
        for (std::size_t first = begin; first < end && is_finite; first += rows_at_once) {
          const std::size_t n = n_columns * std::min(rows_at_once, end - first);
          std::uint32_t none = 0;  // no score is above infinity
          const auto value = static_cast<std::size_t>(ScoreOf::value);
          if (row_kernels<T>().find_above[value](rows.row(first), n, limits.data(), &none) > n) {
            is_finite = false;
          }
        }
      });
  if (!is_finite) {
    summarise_columns(rows, job);  // finds the first such value and throws
  }
}

std::uint64_t column_summary_memory(std::uint64_t n_columns, unsigned n_threads) {
  return column_sums_memory(n_columns, n_threads) + 3 * n_columns * sizeof(double);
}

template ColumnSummary summarise_columns(const Rows<float>&, Job&);
template void require_finite(const Rows<float>&, Job&);
template ColumnSummary summarise_columns(const Rows<double>&, Job&);
template void require_finite(const Rows<double>&, Job&);
template ColumnSummary summarise_columns(const Rows<Float16>&, Job&);
template void require_finite(const Rows<Float16>&, Job&);
template ColumnSummary summarise_columns(const Rows<BFloat16>&, Job&);
template void require_finite(const Rows<BFloat16>&, Job&);

}  // namespace thinset
