#include "thinset/dispersion.hpp"

#include <limits>
#include <vector>

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;

// The best row so far; ties go to the lower row, so the order of offers does not matter.
struct Best {
  double value = -std::numeric_limits<double>::infinity();
  std::size_t row = std::numeric_limits<std::size_t>::max();

  void offer(double other_value, std::size_t other_row) {
    if (other_value > value || (other_value == value && other_row < row)) {
      value = other_value;
      row = other_row;
    }
  }
};

// One cache line each, so that threads do not write into each other's.
struct alignas(64) ThreadBest {
  Best best;
};

// The row with the largest value(i) among those not taken, over all threads.
template <class Value>
Best best_row(std::size_t n_rows, const std::vector<bool>& taken, const Value& value, Job& job) {
  std::vector<ThreadBest> bests(job.n_threads());
  job.parallel_for(n_rows, rows_per_block,
                   [&](std::size_t begin, std::size_t end, unsigned thread) {
                     Best best = bests[thread].best;
                     for (std::size_t i = begin; i < end; ++i) {
                       if (!taken[i]) {
                         best.offer(value(i), i);
                       }
                     }
                     bests[thread].best = best;
                   });
  Best best;
  for (const ThreadBest& mine : bests) {
    best.offer(mine.best.value, mine.best.row);
  }
  return best;
}

// Greedy picking: every row has a score that each pick updates; the best score is picked next.
// `update(score, rank)` gives a row's new score from its rank (see DistanceMeter) to the last pick;
// `gain(score)` turns the score into the figure that is reported.
template <class T, class Update, class Gain>
Picks pick_greedily(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
                    std::span<const std::size_t> initial, double first_score, const Update& update,
                    const Gain& gain, Job& job) {
  DistanceMeter<T> meter(rows, metric, job);
  std::vector<double> scores(rows.size(), first_score);
  std::vector<bool> taken(rows.size(), false);
  Picks picks;
  picks.rows.reserve(k);
  picks.gains.reserve(k);
  job.set_total(k);

  std::size_t next = 0;
  if (initial.empty()) {
    meter.set_query(summary.mean);
    next = best_row(rows.size(), taken, [&](std::size_t i) { return meter.rank(i); }, job).row;
  }
  while (picks.rows.size() < k) {
    const std::size_t t = picks.rows.size();
    const std::size_t pick = t < initial.size() ? initial[t] : next;
    picks.rows.push_back(pick);
    picks.gains.push_back(gain(scores[pick]));
    taken[pick] = true;
    if (picks.rows.size() < k) {
      meter.set_query(pick);
      next = best_row(
                 rows.size(), taken,
                 [&](std::size_t i) { return scores[i] = update(scores[i], meter.rank(i)); }, job)
                 .row;
    }
    job.advance(1);
  }
  return picks;
}

}  // namespace

template <class T>
Picks max_sum(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Job& job) {
  const bool take_root = metric == Metric::euclidean;
  return pick_greedily(
      rows, summary, k, metric, initial, 0.0,
      [take_root](double score, double rank) {
        return score + (take_root ? std::sqrt(rank) : rank);
      },
      [](double score) { return score; }, job);
}

template <class T>
Picks max_min(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Job& job) {
  const bool take_root = metric == Metric::euclidean;
  return pick_greedily(
      rows, summary, k, metric, initial, std::numeric_limits<double>::infinity(),
      [](double score, double rank) { return rank < score ? rank : score; },
      [take_root](double score) { return take_root ? std::sqrt(score) : score; }, job);
}

#define THINSET_INSTANTIATE(T)                                                      \
  template Picks max_sum(const Rows<T>&, const ColumnSummary&, std::size_t, Metric, \
                         std::span<const std::size_t>, Job&);                       \
  template Picks max_min(const Rows<T>&, const ColumnSummary&, std::size_t, Metric, \
                         std::span<const std::size_t>, Job&);
THINSET_INSTANTIATE(float)
THINSET_INSTANTIATE(double)
THINSET_INSTANTIATE(Float16)
THINSET_INSTANTIATE(BFloat16)
#undef THINSET_INSTANTIATE

}  // namespace thinset
