#include "rows/distance_sums.hpp"

#include <algorithm>
#include <vector>

#include "rows/elements.hpp"

namespace thinset {

namespace {

// Rows that share each stretch of the set while it is in cache.
constexpr std::size_t most_rows_per_block = 16;
// Number of elements measured in a block: about 20 ms of work between checks for interrupts.
constexpr std::size_t elements_per_block = std::size_t{1} << 24;
constexpr std::size_t stretch = 256;

}  // namespace

template <class T>
void sum_distances(const DistanceMeter<T>& meter, const PickedRows<T>& set,
                   std::span<const std::size_t> rows, std::span<double> sums, Job& job) {
  struct alignas(64) Scratch {
    std::vector<Point> points = std::vector<Point>(most_rows_per_block);
  };
  const std::size_t elements_per_row = std::max<std::size_t>(1, set.size() * meter.n_columns());
  const std::size_t rows_per_block =
      std::clamp<std::size_t>(elements_per_block / elements_per_row, 1, most_rows_per_block);
  std::vector<Scratch> scratch(job.n_threads());
  job.parallel_for(rows.size(), rows_per_block,
                   [&](std::size_t begin, std::size_t end, unsigned thread) {
                     std::vector<Point>& points = scratch[thread].points;
                     for (std::size_t i = begin; i < end; ++i) {
                       meter.read(rows[i], points[i - begin]);
                       sums[i] = 0.0;
                     }
                     for (std::size_t start = 0; start < set.size(); start += stretch) {
                       const std::size_t stop = std::min(set.size(), start + stretch);
                       for (std::size_t i = begin; i < end; ++i) {
                         double sum = sums[i];
                         for (std::size_t pick = start; pick < stop; ++pick) {
                           const double rank = set.rank(pick, points[i - begin]);
                           sum += meter.distance_from_rank(rank);
                         }
                         sums[i] = sum;
                       }
                     }
                   });
}

#define THINSET_INSTANTIATE(T)                                               \
  template void sum_distances(const DistanceMeter<T>&, const PickedRows<T>&, \
                              std::span<const std::size_t>, std::span<double>, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
