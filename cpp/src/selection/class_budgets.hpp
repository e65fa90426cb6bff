// How many rows each class may give.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "methods/picks.hpp"
#include "thinset/selection.hpp"

namespace thinset {

// The rows of one class, rising, and how many of them to choose.
struct ClassBudget {
  std::int64_t label;
  std::vector<std::int64_t> rows;
  std::size_t budget;
};

// Classes in rising order of label; the budgets add up to k <= labels.size().
// balanced: equal shares; what a small class cannot give is shared among the others; remainders go
// to the lower labels. proportional: shares as in the labels by largest remainder, ties to the
// lower label.
std::vector<ClassBudget> class_budgets(std::span<const std::int64_t> labels, std::size_t k,
                                       PerClass per_class);

// Merges picks made inside each class into one order whose every prefix is as balanced as the
// budgets: pick t of a class with budget b stands at (t + 1/2) / b, ties to the lower label.
// Positions become rows of the matrix; swaps follow each other class by class.
struct RowPicks {
  std::vector<std::int64_t> rows;
  std::vector<double> gains;
  std::vector<double> swaps = {};
};
RowPicks merge_class_picks(std::span<const ClassBudget> budgets, std::span<const Picks> picks);

}  // namespace thinset
