// The number of rows to choose from each class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "methods/picks.hpp"
#include "thinset/selection.hpp"

namespace thinset {

// The rows of one class, ascending, and how many of them to choose.
struct ClassBudget {
  std::int64_t label;
  std::vector<std::int64_t> rows;
  std::size_t budget;
};

// Classes in ascending order of label; the budgets add up to k <= labels.size(). balanced: equal
// shares; the shortfall of a small class is shared among the others; remainders go to the lower
// labels. proportional: in proportion to class size by largest remainder, ties to the lower label.
std::vector<ClassBudget> class_budgets(std::span<const std::int64_t> labels, std::size_t k,
                                       PerClass per_class);

// Positions within a class (its rows are ascending) of the initial rows that belong to it.
std::vector<std::size_t> initial_in_class(const ClassBudget& budget,
                                          std::span<const std::int64_t> initial_subset);

// Merges the picks of all classes into one order in which every prefix is as balanced as the
// budgets: pick t of a class with budget b has the position (t + 1/2) / b, ties to the lower label.
// Positions become rows of the matrix; swaps are listed class by class.
struct RowPicks {
  std::vector<std::int64_t> rows;
  std::vector<double> gains;
  std::vector<double> swaps = {};
};
RowPicks merge_class_picks(std::span<const ClassBudget> budgets, std::span<const Picks> picks);

}  // namespace thinset
