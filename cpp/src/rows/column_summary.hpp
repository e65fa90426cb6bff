// One pass over the embeddings: checks that they are finite, and summarises their columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rows/rows.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

struct ColumnSummary {
  std::vector<double> mean;
  std::vector<double> min;
  std::vector<double> max;

  // Columns with one value in every row: an encoder's dead elements.
  [[nodiscard]] std::vector<std::size_t> constant_columns() const;
};

// Throws InvalidInput that names the first row and column holding NaN or infinity. The mean adds
// blocks of 1,024 rows in order, so it is the same for every number of threads.
template <class T>
ColumnSummary summarise_columns(const Rows<T>& rows, Job& job);

std::uint64_t column_summary_memory(std::uint64_t n_columns);

}  // namespace thinset
