#include "methods/reach_lists.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace thinset {

namespace {

// Rows listed before the last batch: so many per row of the matrix, or in all.
constexpr std::size_t max_per_row = 256;
constexpr std::size_t max_of_few_rows = std::size_t{1} << 21;
// Candidates that are measured together: as many as will list few rows, and at least.
constexpr std::size_t max_batch = 256;
constexpr std::size_t min_batch = 32;

}  // namespace

template <class T>
ReachLists<T>::ReachLists(const RoughRows<T>& rough, const std::vector<bool>& is_open, Job& job)
    : rough_(rough),
      is_open_(is_open),
      job_(job),
      few_(rough, rough.size(), job),
      many_(rough, rough.size() * min_batch / max_batch, job),
      lists_(rough.size()) {}

template <class T>
void ReachLists<T>::list(std::size_t first, const std::vector<double>& reach) {
  const std::size_t n = lists_.size();
  batches_.clear();
  std::ranges::fill(lists_, std::span<Served>());
  first_ = first;
  n_listed_ = 0;
  std::size_t n_pairs = 0;
  std::size_t batch = min_batch;
  std::vector<std::uint32_t> candidates;
  while (n_listed_ < n && n_pairs < std::max(max_per_row * n, max_of_few_rows)) {
    candidates.clear();
    const std::size_t n_before = n_listed_;
    for (; n_listed_ < n && candidates.size() < batch; ++n_listed_) {
      const std::size_t candidate = (first + n_listed_) % n;
      if (is_open_[candidate]) {
        candidates.push_back(static_cast<std::uint32_t>(candidate));
      }
    }
    if (candidates.empty()) {
      break;
    }
    const std::vector<GainBound>& bounds =
        (batch == min_batch ? few_ : many_).bound(candidates, reach);
    if (!std::ranges::all_of(bounds, [](const GainBound& bound) { return bound.is_listed; })) {
      n_listed_ = n_before;
      batch = min_batch;
      continue;
    }
    std::vector<std::size_t> ends;
    for (const GainBound& bound : bounds) {
      ends.push_back(bound.served.size() + (ends.empty() ? 0 : ends.back()));
    }
    std::vector<Served> served;
    served.reserve(ends.empty() ? 0 : ends.back());
    for (const GainBound& bound : bounds) {
      served.insert(served.end(), bound.served.begin(), bound.served.end());
    }
    n_pairs += served.size();
    batches_.push_back(std::move(served));
    const std::span<Served> all(batches_.back());
    std::size_t begin = 0;
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      lists_[candidates[c]] = all.subspan(begin, ends[c] - begin);
      begin = ends[c];
    }
    // A larger batch may list as many rows as min_batch candidates that reach every row.
    const bool is_sparse = batches_.back().size() / batch * max_batch < min_batch * n;
    batch = is_sparse ? max_batch : min_batch;
  }
}

template <class T>
void ReachLists<T>::measure(const DistanceMeter<T>& meter, const Loss& loss) {
  constexpr double largest = std::numeric_limits<float>::max();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  job_.parallel_for(lists_.size(), 16, [&](std::size_t begin, std::size_t end, unsigned) {
    Point point;
    for (std::size_t candidate = begin; candidate < end; ++candidate) {
      if (lists_[candidate].empty()) {
        continue;
      }
      meter.read(candidate, point);
      for (Served& one : lists_[candidate]) {
        const double exact = std::min(loss.of_rank(meter.rank(one.row, point)), largest);
        const auto rounded = static_cast<float>(exact);
        one.at_least = rounded > exact ? std::nextafter(rounded, -infinity) : rounded;
      }
    }
  });
}

template <class T>
std::uint64_t ReachLists<T>::bytes(std::uint64_t n_rows, std::uint64_t n_columns,
                                   unsigned n_threads) {
  // A batch is in parts, joined, each twice for vectors that grow, and copied; of both kinds.
  const std::uint64_t listed =
      std::min(n_rows * n_rows, std::max<std::uint64_t>(max_per_row * n_rows, max_of_few_rows));
  return sizeof(Served) * (listed + 9 * min_batch * n_rows) +
         n_rows * sizeof(std::span<const Served>) +
         n_threads * GainBounds<float>::bytes_per_thread(n_columns, max_batch, 0);
}

template class ReachLists<float>;
template class ReachLists<double>;
template class ReachLists<Float16>;
template class ReachLists<BFloat16>;

}  // namespace thinset
