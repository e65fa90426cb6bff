#include "rows/column_summary.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>

#include "simd/row_kernels.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 1024;
// Number of blocks whose sums are held at once: limits memory to this many rows of doubles.
constexpr std::size_t blocks_per_batch = 64;

struct BlockSummary {
  std::vector<double> sum, min, max;
};

template <class T>
[[noreturn]] void refuse_value(const Rows<T>& rows, std::size_t row, std::size_t column) {
  double value = 0.0;
  row_kernels<T>().widen(rows.row(row) + column, &value, 1);
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
  const RowKernels<T>& kernels = row_kernels<T>();
  const std::size_t n_columns = rows.n_columns();
  constexpr double infinity = std::numeric_limits<double>::infinity();

  ColumnSummary summary{std::vector<double>(n_columns, 0.0),
                        std::vector<double>(n_columns, infinity),
                        std::vector<double>(n_columns, -infinity)};
  std::vector<BlockSummary> batch(blocks_per_batch);
  constexpr std::size_t rows_per_batch = rows_per_block * blocks_per_batch;

  for (std::size_t start = 0; start < rows.size(); start += rows_per_batch) {
    const std::size_t n = std::min(rows_per_batch, rows.size() - start);
    std::mutex mutex;
    std::size_t bad_row = rows.size();
    std::size_t bad_column = 0;
    job.parallel_for(n, rows_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
      BlockSummary& block = batch[begin / rows_per_block];
      block.sum.assign(n_columns, 0.0);
      block.min.assign(n_columns, infinity);
      block.max.assign(n_columns, -infinity);
      for (std::size_t i = start + begin; i < start + end; ++i) {
        const std::size_t column = kernels.summarise(rows.row(i), n_columns, block.sum.data(),
                                                     block.min.data(), block.max.data());
        if (column != n_columns) {
          const std::scoped_lock lock(mutex);
          if (i < bad_row) {
            bad_row = i;
            bad_column = column;
          }
          return;
        }
      }
    });
    if (bad_row != rows.size()) {
      refuse_value(rows, bad_row, bad_column);
    }
    for (std::size_t b = 0; b * rows_per_block < n; ++b) {
      for (std::size_t j = 0; j < n_columns; ++j) {
        summary.mean[j] += batch[b].sum[j];
        summary.min[j] = std::min(summary.min[j], batch[b].min[j]);
        summary.max[j] = std::max(summary.max[j], batch[b].max[j]);
      }
    }
  }
  for (double& value : summary.mean) {
    value /= static_cast<double>(rows.size());
  }
  return summary;
}

std::uint64_t column_summary_memory(std::uint64_t n_columns) {
  return 3 * (blocks_per_batch + 1) * n_columns * sizeof(double);
}

template ColumnSummary summarise_columns(const Rows<float>&, Job&);
template ColumnSummary summarise_columns(const Rows<double>&, Job&);
template ColumnSummary summarise_columns(const Rows<Float16>&, Job&);
template ColumnSummary summarise_columns(const Rows<BFloat16>&, Job&);

}  // namespace thinset
