// Whether float64 holds the squares that distances are made of.
//
// Squares of values beyond 1e154 overflow and those of differences below 1e-154 vanish: distances
// then no longer tell rows apart, and a selection would follow the row numbers. Selections refuse
// embeddings that are so large or so close together; multiplied by a power of two they are selected
// from as they should be. Only float64 reaches these magnitudes.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "rows/column_summary.hpp"

namespace thinset {

// Far enough inside float64's range for sums of squares, and for their last digits.
constexpr double largest_measurable = 1e120;
constexpr double smallest_measurable = 1e-120;
// Of a row, where it is divided by its norm: a product of two does not overflow.
constexpr double largest_norm = 1e140;

// Throws InvalidInput where a value is beyond +-largest_measurable.
void check_largest_value(const ColumnSummary& summary);

// Throws InvalidInput where the rows differ, but in no column by smallest_measurable. `label` is
// that of the class whose rows are summarised, if it is one.
void check_span(const ColumnSummary& summary, std::optional<std::int64_t> label = std::nullopt);

// "1e170": the power of ten that brings `value` to 1 or above, as far as there is one.
std::string power_of_ten_over(double value);

}  // namespace thinset
