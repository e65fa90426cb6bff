// Checks that float64 can represent the squares in distances.
//
// Squares of values beyond 1e154 overflow and those of differences below 1e-154 underflow.
// Distances then no longer distinguish rows, and a selection would follow row numbers. Selections
// refuse embeddings that are so large or so close together; multiplying them by a power of two
// makes them usable. Only float64 reaches these magnitudes.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "rows/column_summary.hpp"

namespace thinset {

// Far enough within float64's range for sums of squares, including their last digits.
constexpr double largest_measurable = 1e120;
constexpr double smallest_measurable = 1e-120;
// For a row that is divided by its norm: a product of two norms does not overflow.
constexpr double largest_norm = 1e140;

// Throws InvalidInput if a value is beyond +-largest_measurable.
void check_largest_value(const ColumnSummary& summary);

// Throws InvalidInput if the rows differ, but in no column by smallest_measurable. `label` is that
// of the class whose rows are summarised, if it is one.
void check_span(const ColumnSummary& summary, std::optional<std::int64_t> label = std::nullopt);

// "1e170": the power of ten that raises `value` to 1 or above, if there is one.
std::string power_of_ten_over(double value);

}  // namespace thinset
