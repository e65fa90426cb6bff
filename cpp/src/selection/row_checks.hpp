// Checks of row numbers and sizes that one matrix and parts of one share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "thinset/matrix_view.hpp"

namespace thinset {

// Each throws InvalidInput that states the constraint and the value received.
void check_shape(std::size_t n_rows, std::size_t n_columns);
void check_n_samples(std::size_t n_samples, std::size_t n_rows);
// n_samples = 0 leaves the number open.
void check_initial_subset(std::span<const std::int64_t> initial_subset, std::size_t n_rows,
                          std::size_t n_samples);
// A part may be empty.
void check_part(const AnyMatrix& part, std::int64_t first_row);

}  // namespace thinset
