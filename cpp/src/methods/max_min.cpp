#include "methods/max_min.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "methods/first_pick.hpp"
#include "methods/max_min_greedy.hpp"
#include "methods/max_min_tree.hpp"
#include "rows/elements.hpp"

namespace thinset {

namespace {

// `state` is a MaxMin or a MaxMinTree.
template <class T, class State>
Picks pick_furthest(const DistanceMeter<T>& meter, const ColumnSummary& summary, std::size_t k,
                    std::span<const std::size_t> initial, State& state, Terms& terms, Job& job) {
  Picks picks;
  picks.rows.reserve(k);
  picks.gains.reserve(k);
  const auto pick = [&](std::size_t row) {
    state.pick(row);
    terms.pick(row, [](std::size_t) {});
  };
  const auto take = [&](std::size_t row, double rank) {
    picks.rows.push_back(row);
    picks.gains.push_back(meter.distance_from_rank(rank) * terms.factor(row));
    pick(row);
    job.advance(1);
  };
  const auto take_with_companions = [&](std::size_t row, double rank) {
    take(row, rank);
    for (const std::size_t companion : terms.companions(row)) {
      take(companion, state.rank_of(companion));
    }
  };
  for (const std::size_t row : initial.first(terms.n_elsewhere)) {
    pick(row);
  }
  for (const std::size_t row : initial.subspan(terms.n_elsewhere)) {
    take(row, state.rank_of(row));
  }
  std::vector<std::size_t> picked(initial.begin(), initial.end());
  if (initial.empty()) {
    const std::size_t first =
        first_pick(meter, {summary.sums, meter.rows().size(), summary.mean}, terms, job);
    if (first == meter.rows().size()) {
      return picks;
    }
    take_with_companions(first, std::numeric_limits<double>::infinity());
    picked = picks.rows;
  }
  if (picks.rows.size() < k) {
    state.start(picked);
  }
  while (picks.rows.size() < k) {
    const BestRow best = state.take_furthest();
    if (best.row >= meter.rows().size()) {
      break;
    }
    take_with_companions(best.row, best.value);
  }
  return picks;
}

bool has_terms(const Terms& terms) {
  return terms.limits || !terms.weights.empty() || terms.min_distance >= 0.0;
}

}  // namespace

template <class T>
Picks max_min(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Terms& terms, Job& job) {
  const DistanceMeter<T> meter(rows, metric, job);
  if (metric != Metric::cosine && !has_terms(terms) &&
      is_worth_a_tree(rows.size(), rows.n_columns(), k)) {
    MaxMinTree<T> tree(meter, k, job);
    return pick_furthest(meter, summary, k, initial, tree, terms, job);
  }
  MaxMin<T> state(meter, k + terms.n_elsewhere, terms, job);
  return pick_furthest(meter, summary, k, initial, state, terms, job);
}

MemoryNeed max_min_memory(const SelectionSize& size) {
  const std::uint64_t n = size.n_rows;
  const bool projects = MaxMin<float>::is_worth_projecting(n, size.n_columns, size.n_samples);
  const std::uint64_t always = distance_meter_memory(size) + n * sizeof(std::size_t);
  const std::uint64_t fitting = projects ? projection_memory(size) : 0;
  const std::uint64_t heaps = n * MaxMin<float>::bytes_per_standing();
  const std::uint64_t ranks = n * sizeof(double);
  const std::uint64_t images = projects ? image_list_memory(size) : 0;
  const std::uint64_t picks =
      size.n_samples * (sizeof(std::size_t) + sizeof(double)) + picked_rows_memory(size) + images;
  // Ranks are freed after the heaps are built, before there are many picks.
  const MemoryNeed of_heaps{always + std::max({fitting, heaps + ranks, heaps + picks}),
                            always + std::max(fitting, heaps + ranks + picks)};
  if (size.is_cosine || !is_worth_a_tree(n, size.n_columns, size.n_samples)) {
    return of_heaps;
  }
  // With terms there is no tree.
  const std::uint64_t tree = always + max_min_tree_memory(size) + picks;
  return {tree, std::max(tree, of_heaps.at_most)};
}

#define THINSET_INSTANTIATE(T)                                                      \
  template Picks max_min(const Rows<T>&, const ColumnSummary&, std::size_t, Metric, \
                         std::span<const std::size_t>, Terms&, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
