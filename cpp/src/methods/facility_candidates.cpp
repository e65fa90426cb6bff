#include "methods/facility_candidates.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "rows/block_sum.hpp"

namespace thinset {

namespace {

// Stored served rows: of one candidate, and of all, by their number or however few they are.
constexpr std::size_t max_served = 2048;
constexpr std::size_t served_per_row = 128;
constexpr std::size_t served_by_few = std::size_t{6} << 20;
// Candidates that are evaluated together: the first time in a pick, and at most.
constexpr std::size_t min_candidates = 32;
constexpr std::size_t max_candidates = 256;
constexpr double infinity = std::numeric_limits<double>::infinity();

std::uint64_t max_served_by_all(std::uint64_t n_rows) {
  return std::max(served_per_row * n_rows, std::min(served_by_few, n_rows * n_rows));
}

}  // namespace

template <class T>
FacilityCandidates<T>::FacilityCandidates(const RoughRows<T>& rough, Coverage<T>& coverage,
                                          const Terms& terms, Job& job)
    : weights_(terms.weights),
      job_(job),
      gain_bounds_(rough, max_served, job),
      coverage_(coverage),
      is_open_(rough.size(), true),
      is_listed_(rough.size(), false),
      served_(rough.size()),
      n_left_(max_served_by_all(rough.size())) {
  for (std::size_t row = 0; row < is_open_.size(); ++row) {
    is_open_[row] = terms.is_open(row);
  }
}

template <class T>
double FacilityCandidates<T>::pick(std::size_t row) {
  const double gain = measure(row);
  coverage_.add();
  close(row);
  ++n_picks_;
  return gain;
}

template <class T>
void FacilityCandidates<T>::close(std::size_t row) {
  is_open_[row] = false;
  n_left_ += served_[row].size();
  served_[row] = {};
}

template <class T>
void FacilityCandidates<T>::start(const std::vector<double>& gains) {
  std::vector<Candidate> candidates;
  for (std::size_t row = 0; row < is_open_.size(); ++row) {
    if (is_open_[row]) {
      candidates.push_back({weighted(row, gains[row]), static_cast<std::uint32_t>(row)});
    }
  }
  heap_.build(std::move(candidates));
}

template <class T>
std::size_t FacilityCandidates<T>::best() {
  std::size_t n_at_once = min_candidates;
  for (;; job_.check()) {
    drop_closed();
    if (heap_.empty()) {
      return is_open_.size();
    }
    if (heap_.top().is_stale(n_picks_)) {
      refresh(n_at_once);
      n_at_once = std::min(2 * n_at_once, max_candidates);
      continue;
    }
    Candidate candidate = heap_.pop();
    if (candidate.is_settled(n_picks_)) {
      return candidate.row;
    }
    candidate.gain = weighted(candidate.row, measure(candidate.row));
    candidate.is_exact = true;
    heap_.push(candidate);
  }
}

template <class T>
void FacilityCandidates<T>::drop_closed() {
  while (!heap_.empty() && !is_open_[heap_.top().row]) {
    heap_.pop();
  }
}

// Updates the bounds of stale candidates at the top of the heap: at once for those whose served
// rows are known, together for the others.
template <class T>
void FacilityCandidates<T>::refresh(std::size_t n_at_once) {
  batch_.clear();
  aside_.clear();
  double bar = -infinity;
  while (!heap_.empty() && batch_.size() < n_at_once && aside_.size() < max_candidates) {
    // Empty lanes are filled with the next candidates.
    if (heap_.top().gain < bar && batch_.size() % min_candidates == 0) {
      break;
    }
    Candidate candidate = heap_.pop();
    if (!is_open_[candidate.row]) {
      continue;
    }
    if (candidate.is_stale(n_picks_) && !is_listed_[candidate.row]) {
      batch_.push_back(candidate);
      continue;
    }
    if (candidate.is_stale(n_picks_)) {
      // Many equal gains stay equal: the list may bound them less tightly than they once were.
      const double bound = weighted(candidate.row, bound_from_list(candidate.row));
      candidate = {std::min(candidate.gain, bound), candidate.row, n_picks_, false};
    }
    bar = std::max(bar, candidate.gain);
    aside_.push_back(candidate);
  }
  for (const Candidate& candidate : aside_) {
    heap_.push(candidate);
  }
  if (!batch_.empty()) {
    bound_batch();
  }
}

template <class T>
double FacilityCandidates<T>::bound_from_list(std::size_t candidate) {
  std::vector<Served>& served = served_[candidate];
  const std::vector<double>& nearest = coverage_.nearest();
  n_left_ += served.size();
  std::erase_if(served, [&](const Served& one) { return !(one.at_least < nearest[one.row]); });
  n_left_ -= served.size();
  if (served.size() < served.capacity() / 4 * 3) {
    served.shrink_to_fit();
  }
  // At least the gain, to the last bit: rounding preserves the order of two sums whose terms have
  // that order one by one.
  BlockSum sum;
  for (const auto& [row, at_least] : served) {
    sum.add(row, nearest[row] - at_least);
  }
  return sum.total();
}

template <class T>
void FacilityCandidates<T>::bound_batch() {
  batch_rows_.clear();
  for (const Candidate& candidate : batch_) {
    batch_rows_.push_back(candidate.row);
  }
  const std::vector<GainBound>& bounds = gain_bounds_.bound(batch_rows_, coverage_.nearest());
  for (std::size_t c = 0; c < batch_.size(); ++c) {
    const std::uint32_t row = batch_[c].row;
    heap_.push({std::min(batch_[c].gain, weighted(row, bounds[c].gain)), row, n_picks_, false});
    if (bounds[c].is_listed && bounds[c].served.size() <= n_left_) {
      served_[row] = bounds[c].served;
      is_listed_[row] = true;
      n_left_ -= bounds[c].served.size();
    }
  }
}

template <class T>
double FacilityCandidates<T>::measure(std::size_t row) {
  if (measured_row_ != row || n_picks_when_measured_ != n_picks_ || n_picks_ == 0) {
    measured_gain_ =
        coverage_.measure(row, is_listed_[row] && is_open_[row] ? &served_[row] : nullptr);
    measured_row_ = row;
    n_picks_when_measured_ = n_picks_;
  }
  return measured_gain_;
}

template <class T>
std::uint64_t FacilityCandidates<T>::bytes(std::uint64_t n_rows, std::uint64_t n_columns,
                                           unsigned n_threads) {
  // Vectors of served rows may have a third more capacity than they need.
  return max_served_by_all(n_rows) * sizeof(Served) / 3 * 4 +
         n_threads * GainBounds<float>::bytes_per_thread(
                         n_columns, max_candidates, std::min<std::uint64_t>(max_served, n_rows));
}

template class FacilityCandidates<float>;
template class FacilityCandidates<double>;
template class FacilityCandidates<Float16>;
template class FacilityCandidates<BFloat16>;

}  // namespace thinset
