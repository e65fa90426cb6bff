#include "methods/top_k.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "methods/dealer.hpp"
#include "methods/leaderboards.hpp"
#include "rows/elements.hpp"
#include "thinset/error.hpp"

namespace thinset {

TopKMode top_k_mode_from_name(std::string_view name) {
  if (name == "max") return TopKMode::max;
  if (name == "min") return TopKMode::min;
  if (name == "abs") return TopKMode::abs;
  throw InvalidInput("mode must be one of max, min, abs; got '" + std::string(name) + "'");
}

ScoreOf score_for(TopKMode mode) {
  switch (mode) {
    case TopKMode::max:
      return ScoreOf::value;
    case TopKMode::min:
      return ScoreOf::negative;
    case TopKMode::abs:
      return ScoreOf::magnitude;
  }
  return ScoreOf::value;
}

template <class T>
TopKPicks top_k(const Rows<T>& rows, std::size_t k, const TopKOptions& options,
                std::span<const std::size_t> initial, Terms& terms, Job& job) {
  std::vector<char> closed(rows.size(), 0);
  for (std::size_t row = 0; terms.limits && row < rows.size(); ++row) {
    closed[row] = static_cast<char>(!terms.limits->is_open(row));
  }
  Dealer<Leaderboards<T>> dealer(rows.size(), rows.n_columns(), k, options, std::move(closed),
                                 terms);
  for (const std::size_t row : initial.first(terms.n_elsewhere)) {
    dealer.take_out(row);
  }
  for (const std::size_t row : initial.subspan(terms.n_elsewhere)) {
    dealer.take_first(row);
  }
  Leaderboards<T> boards(rows, score_for(options.mode), terms.weights, job);
  while (!dealer.is_done()) {
    boards.fill(dealer.depth(), dealer.taken(), dealer.needed_columns());
    dealer.deal(boards, job);
  }
  return {std::move(dealer).result(), boards.constant_columns()};
}

namespace {

MemoryNeed need_at_depth(const SelectionSize& size, std::uint64_t depth) {
  const std::uint64_t picks = size.n_rows + size.n_samples * (sizeof(std::size_t) + sizeof(double));
  return MemoryNeed{picks, picks} + leaderboards_memory(size, depth);
}

}  // namespace

MemoryNeed top_k_memory(const SelectionSize& size, const TopKOptions& options) {
  const std::uint64_t k = size.n_samples;
  const std::uint64_t d = size.n_columns;
  if (options.refill) {
    return need_at_depth(size, depth_to_deal(size.n_rows, k, d));
  }
  // If constant elements are dropped, the others may have to provide more.
  const std::uint64_t depth = (k + d - 1) / d;
  return MemoryNeed{size.n_rows, size.n_rows} +
         MemoryNeed{need_at_depth(size, depth).likely,
                    need_at_depth(size, options.drop_constant ? k : depth).at_most};
}

std::uint64_t deepest_within(const SelectionSize& size, const TopKOptions& options,
                             std::uint64_t bytes) {
  std::uint64_t depth = depth_to_deal(size.n_rows, size.n_samples, size.n_columns);
  while (options.refill && depth < size.n_samples &&
         need_at_depth(size, 2 * depth).at_most <= bytes) {
    depth *= 2;
  }
  return depth;
}

#define THINSET_INSTANTIATE(T)                                              \
  template TopKPicks top_k(const Rows<T>&, std::size_t, const TopKOptions&, \
                           std::span<const std::size_t>, Terms&, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
