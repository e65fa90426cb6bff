#include "methods/first_pick.hpp"

#include "rows/best_row.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 1024;

}  // namespace

template <class T>
std::size_t first_pick(const DistanceMeter<T>& meter, const std::vector<double>& mean,
                       const Terms& terms, Job& job) {
  if (!terms.limits && terms.weights.empty()) {
    return furthest_row(meter, mean, job);
  }
  struct alignas(64) ThreadBest {
    BestRow best;
  };
  Point point;
  meter.read(mean, point);
  const std::size_t n = meter.rows().size();
  const bool is_squared = meter.metric() == Metric::euclidean;
  std::vector<ThreadBest> bests(job.n_threads());
  job.parallel_for(n, rows_per_block, [&](std::size_t begin, std::size_t end, unsigned thread) {
    for (std::size_t i = begin; i < end; ++i) {
      if (terms.is_open(i)) {
        const double weight = terms.weight(i);
        bests[thread].best.offer(meter.rank(i, point) * (is_squared ? weight * weight : weight), i);
      }
    }
  });
  BestRow best;
  for (const ThreadBest& mine : bests) {
    best.offer(mine.best.value, mine.best.row);
  }
  if (best.row < n) {
    return best.row;
  }
  // No rank compares: no direction is far from a point of norm 0.
  std::size_t first = 0;
  while (first < n && !terms.is_open(first)) {
    ++first;
  }
  return first;
}

template std::size_t first_pick(const DistanceMeter<float>&, const std::vector<double>&,
                                const Terms&, Job&);
template std::size_t first_pick(const DistanceMeter<double>&, const std::vector<double>&,
                                const Terms&, Job&);
template std::size_t first_pick(const DistanceMeter<Float16>&, const std::vector<double>&,
                                const Terms&, Job&);
template std::size_t first_pick(const DistanceMeter<BFloat16>&, const std::vector<double>&,
                                const Terms&, Job&);

}  // namespace thinset
