// One pass over the embeddings: checks that they are finite, and summarises their columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rows/exact_sum.hpp"
#include "rows/rows.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

struct ColumnSummary {
  std::vector<double> mean;  // the nearest float64 numbers to the exact means
  std::vector<double> min;
  std::vector<double> max;
  std::vector<ExactSum> sums = {};

  // Columns with one value in every row: an encoder's dead elements.
  [[nodiscard]] std::vector<std::size_t> constant_columns() const;
};

// Throws InvalidInput that names the first row and column holding NaN or infinity. The result
// depends on the values alone: not on the number of threads, nor on the order of the rows.
template <class T>
ColumnSummary summarise_columns(const Rows<T>& rows, Job& job);

// Throws as summarise_columns does. For work that needs no summary: it reads several times as fast.
template <class T>
void require_finite(const Rows<T>& rows, Job& job);

std::uint64_t column_summary_memory(std::uint64_t n_columns, unsigned n_threads);

}  // namespace thinset
