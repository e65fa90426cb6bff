#include "methods/max_sum.hpp"

#include <cstddef>
#include <vector>

#include "methods/first_pick.hpp"
#include "methods/max_sum_greedy.hpp"
#include "rows/elements.hpp"

namespace thinset {

template <class T>
Picks max_sum(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Terms& terms, Job& job) {
  const DistanceMeter<T> meter(rows, metric, job);
  MaxSum<T> state(meter, centre_of(meter, summary.mean), k + terms.n_elsewhere, terms, job);
  Picks picks;
  picks.rows.reserve(k);
  picks.gains.reserve(k);
  const auto pick = [&](std::size_t row) {
    state.pick(row);
    terms.pick(row, [&](std::size_t closed) { state.close(closed); });
  };
  const auto take = [&](std::size_t row, double sum) {
    picks.rows.push_back(row);
    picks.gains.push_back(sum * terms.factor(row));
    pick(row);
    job.advance(1);
  };
  const auto take_with_companions = [&](std::size_t row, double sum) {
    take(row, sum);
    for (const std::size_t companion : terms.companions(row)) {
      take(companion, state.sum_of(companion));
    }
  };
  for (const std::size_t row : initial.first(terms.n_elsewhere)) {
    pick(row);
  }
  for (const std::size_t row : initial.subspan(terms.n_elsewhere)) {
    take(row, state.sum_of(row));
  }
  if (initial.empty()) {
    const std::size_t first =
        first_pick(meter, {summary.sums, rows.size(), summary.mean}, terms, job);
    if (first == rows.size()) {
      return picks;
    }
    take_with_companions(first, 0.0);
  }
  while (picks.rows.size() < k) {
    const BestRow best = state.best();
    if (best.row >= rows.size()) {
      break;
    }
    take_with_companions(best.row, best.value);
  }
  return picks;
}

MemoryNeed max_sum_memory(const SelectionSize& size) { return MaxSum<float>::memory(size); }

#define THINSET_INSTANTIATE(T)                                                      \
  template Picks max_sum(const Rows<T>&, const ColumnSummary&, std::size_t, Metric, \
                         std::span<const std::size_t>, Terms&, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
