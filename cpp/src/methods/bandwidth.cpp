#include "methods/bandwidth.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rows/distance.hpp"
#include "rows/elements.hpp"
#include "rows/loss.hpp"

namespace thinset {

namespace {

constexpr std::size_t max_sample = 256;

}  // namespace

template <class T>
double median_distance(const Rows<T>& rows, Metric metric, Job& job) {
  const std::size_t n = std::min(rows.size(), max_sample);
  std::vector<std::int64_t> sample(n);
  for (std::size_t s = 0; s < n; ++s) {
    sample[s] = rows.original(s * rows.size() / n);
  }
  const DistanceMeter<T> meter(rows.restricted_to(sample), metric, job);
  std::vector<double> distances;
  distances.reserve(n * (n - 1) / 2);
  Point point;
  for (std::size_t i = 0; i < n; ++i) {
    job.check();
    meter.read(i, point);
    for (std::size_t j = 0; j < i; ++j) {
      const double rank = meter.rank(j, point);
      if (rank > 0.0) {
        distances.push_back(std::sqrt(metric == Metric::cosine ? 2.0 * rank : rank));
      }
    }
  }
  if (distances.empty()) {
    return 1.0;
  }
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>((distances.size() - 1) / 2);
  std::ranges::nth_element(distances, middle);
  return std::clamp(*middle, Loss::smallest_bandwidth, Loss::largest_bandwidth);
}

#define THINSET_INSTANTIATE(T) template double median_distance(const Rows<T>&, Metric, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
