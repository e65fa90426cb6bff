#include "selection/row_checks.hpp"

#include <limits>
#include <string>
#include <vector>

#include "thinset/error.hpp"

namespace thinset {

void check_shape(std::size_t n_rows, std::size_t n_columns) {
  if (n_rows == 0 || n_columns == 0) {
    throw InvalidInput("embeddings must have at least one row and one column, got shape (" +
                       std::to_string(n_rows) + ", " + std::to_string(n_columns) + ")");
  }
}

void check_n_samples(std::size_t n_samples, std::size_t n_rows) {
  if (n_samples < 1 || n_samples > n_rows) {
    throw InvalidInput("n_samples must be in [1, " + std::to_string(n_rows) +
                       "], the number of rows; got " + std::to_string(n_samples));
  }
}

void check_initial_subset(std::span<const std::int64_t> initial_subset, std::size_t n_rows,
                          std::size_t n_samples) {
  if (n_samples > 0 && initial_subset.size() > n_samples) {
    throw InvalidInput("initial_subset counts towards n_samples = " + std::to_string(n_samples) +
                       " but holds " + std::to_string(initial_subset.size()) + " rows");
  }
  if (initial_subset.empty()) {
    return;
  }
  std::vector<bool> seen(n_rows, false);
  for (std::size_t i = 0; i < initial_subset.size(); ++i) {
    const std::int64_t row = initial_subset[i];
    if (row < 0 || static_cast<std::uint64_t>(row) >= n_rows) {
      throw InvalidInput("initial_subset must hold rows in [0, " + std::to_string(n_rows) +
                         "): position " + std::to_string(i) + " holds " + std::to_string(row));
    }
    if (seen[static_cast<std::size_t>(row)]) {
      throw InvalidInput("initial_subset must not repeat rows: row " + std::to_string(row) +
                         " is there again at position " + std::to_string(i));
    }
    seen[static_cast<std::size_t>(row)] = true;
  }
}

void check_part(const AnyMatrix& part, std::int64_t first_row) {
  if (part.n_columns == 0) {
    throw InvalidInput("a part of the embeddings must have at least one column, got shape (" +
                       std::to_string(part.n_rows) + ", 0)");
  }
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (first_row < 0 || part.n_rows > largest - static_cast<std::uint64_t>(first_row)) {
    throw InvalidInput("first_row must be in [0, 2**63 - " + std::to_string(part.n_rows) +
                       "); got " + std::to_string(first_row));
  }
}

}  // namespace thinset
