#include "methods/reach_lists.hpp"

#include <algorithm>
#include <utility>

namespace thinset {

namespace {

// Listed rows, per row of the matrix, before the last batch.
constexpr std::size_t max_per_row = 256;
// Candidates that are measured together: as many as will list few rows, and at least.
constexpr std::size_t max_batch = 256;
constexpr std::size_t min_batch = 32;

}  // namespace

template <class T>
ReachLists<T>::ReachLists(const RoughRows<T>& rough, const std::vector<bool>& is_open, Job& job)
    : rough_(rough), is_open_(is_open), bounds_(rough, rough.size(), job), lists_(rough.size()) {}

template <class T>
void ReachLists<T>::list(std::size_t first, const std::vector<double>& reach) {
  const std::size_t n = lists_.size();
  batches_.clear();
  std::ranges::fill(lists_, std::span<const Served>());
  first_ = first;
  n_listed_ = 0;
  std::size_t n_pairs = 0;
  std::size_t batch = min_batch;
  std::vector<std::uint32_t> candidates;
  while (n_listed_ < n && n_pairs < max_per_row * n) {
    candidates.clear();
    for (; n_listed_ < n && candidates.size() < batch; ++n_listed_) {
      const std::size_t candidate = (first + n_listed_) % n;
      if (is_open_[candidate]) {
        candidates.push_back(static_cast<std::uint32_t>(candidate));
      }
    }
    std::vector<Served> served;
    std::vector<std::size_t> ends;
    for (const GainBound& bound : bounds_.bound(candidates, reach)) {
      served.insert(served.end(), bound.served.begin(), bound.served.end());
      ends.push_back(served.size());
    }
    served.shrink_to_fit();
    n_pairs += served.size();
    batches_.push_back(std::move(served));
    const std::span<const Served> all(batches_.back());
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
std::uint64_t ReachLists<T>::bytes(std::uint64_t n_rows, std::uint64_t n_columns,
                                   unsigned n_threads) {
  // A batch is in parts, joined, and copied.
  return n_rows * sizeof(Served) * (max_per_row + 5 * min_batch) +
         n_rows * sizeof(std::span<const Served>) +
         n_threads * GainBounds<float>::bytes_per_thread(n_columns, max_batch, 0);
}

template class ReachLists<float>;
template class ReachLists<double>;
template class ReachLists<Float16>;
template class ReachLists<BFloat16>;

}  // namespace thinset
