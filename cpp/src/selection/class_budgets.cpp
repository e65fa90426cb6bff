#include "selection/class_budgets.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>

#include "thinset/error.hpp"

namespace thinset {

namespace {

// For products of two row counts, which exceed 64 bits for 10^10 rows.
__extension__ using Wide = unsigned __int128;

// Equal shares, capped by class size; the remainder goes to the other classes.
void assign_balanced(std::vector<ClassBudget>& classes, std::size_t k) {
  std::vector<ClassBudget*> open;
  for (ClassBudget& c : classes) {
    open.push_back(&c);
  }
  // Classes smaller than an equal share give all their rows; the others share again.
  for (;;) {
    const std::size_t share = k / open.size();
    const auto small = std::stable_partition(
        open.begin(), open.end(), [&](const ClassBudget* c) { return c->rows.size() > share; });
    if (small == open.end()) {
      break;
    }
    for (auto it = small; it != open.end(); ++it) {
      (*it)->budget = (*it)->rows.size();
      k -= (*it)->budget;
    }
    open.erase(small, open.end());
    if (open.empty()) {
      return;
    }
  }
  for (std::size_t i = 0; i < open.size(); ++i) {
    open[i]->budget = k / open.size() + (i < k % open.size() ? 1 : 0);
  }
}

// Largest remainder.
void assign_proportional(std::vector<ClassBudget>& classes, std::size_t k, std::size_t n_total) {
  std::vector<std::size_t> order(classes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<std::uint64_t> remainder(classes.size());
  std::size_t left = k;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const Wide product = Wide{k} * classes[c].rows.size();
    classes[c].budget = static_cast<std::size_t>(product / n_total);
    remainder[c] = static_cast<std::uint64_t>(product % n_total);
    left -= classes[c].budget;
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return remainder[a] > remainder[b]; });
  for (std::size_t i = 0; i < left; ++i) {
    ++classes[order[i]].budget;
  }
}

}  // namespace

std::vector<ClassBudget> class_budgets(std::span<const std::int64_t> labels, std::size_t k,
                                       PerClass per_class) {
  std::map<std::int64_t, std::size_t> sizes;
  for (const std::int64_t label : labels) {
    ++sizes[label];
  }
  // Growing lists would use twice the memory.
  std::map<std::int64_t, std::vector<std::int64_t>> rows_of;
  for (const auto& [label, size] : sizes) {
    rows_of[label].reserve(size);
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    rows_of[labels[i]].push_back(static_cast<std::int64_t>(i));
  }
  std::vector<ClassBudget> classes;
  for (auto& [label, rows] : rows_of) {
    classes.push_back({label, std::move(rows), 0});
  }
  if (per_class == PerClass::balanced) {
    assign_balanced(classes, k);
  } else {
    assign_proportional(classes, k, labels.size());
  }
  return classes;
}

std::vector<std::size_t> initial_in_class(const ClassBudget& budget,
                                          std::span<const std::int64_t> initial_subset) {
  std::vector<std::size_t> positions;
  for (const std::int64_t row : initial_subset) {
    const auto found = std::ranges::lower_bound(budget.rows, row);
    if (found != budget.rows.end() && *found == row) {
      positions.push_back(static_cast<std::size_t>(found - budget.rows.begin()));
    }
  }
  if (positions.size() > budget.budget) {
    throw InvalidInput("initial_subset holds " + std::to_string(positions.size()) +
                       " rows of class " + std::to_string(budget.label) + ", whose budget is " +
                       std::to_string(budget.budget));
  }
  return positions;
}

RowPicks merge_class_picks(std::span<const ClassBudget> budgets, std::span<const Picks> picks) {
  struct Place {
    // Its position is (2 rank + 1) / budget; compared by cross-multiplication, without rounding.
    std::size_t rank;
    std::size_t budget;
    std::size_t class_index;
  };
  std::vector<Place> places;
  for (std::size_t c = 0; c < picks.size(); ++c) {
    for (std::size_t t = 0; t < picks[c].rows.size(); ++t) {
      places.push_back({t, budgets[c].budget, c});
    }
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    const Wide left = Wide{2 * a.rank + 1} * b.budget;
    const Wide right = Wide{2 * b.rank + 1} * a.budget;
    return left != right ? left < right : a.class_index < b.class_index;
  });
  RowPicks merged;
  for (const Place& place : places) {
    const Picks& source = picks[place.class_index];
    merged.rows.push_back(budgets[place.class_index].rows[source.rows[place.rank]]);
    merged.gains.push_back(source.gains[place.rank]);
  }
  for (const Picks& source : picks) {
    merged.swaps.insert(merged.swaps.end(), source.swaps.begin(), source.swaps.end());
  }
  return merged;
}

}  // namespace thinset
