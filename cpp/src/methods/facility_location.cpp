#include "methods/facility_location.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "bounds/gain_bounds.hpp"
#include "bounds/pair_bounds.hpp"
#include "bounds/rough_rows.hpp"
#include "methods/candidate_heap.hpp"
#include "methods/coverage.hpp"
#include "rows/block_sum.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

// Stored served rows: per row on average, and per candidate.
constexpr std::size_t served_per_row = 128;
constexpr std::size_t max_served = 1024;
// The first pick is most likely among this many rows near the centre.
constexpr std::size_t n_central = 256;
// Candidates that are evaluated together: the first time in a pick, and at most.
constexpr std::size_t min_candidates = 32;
constexpr std::size_t max_candidates = 256;
// Rows are numbered in 32 bits.
constexpr std::size_t max_rows = std::size_t{1} << 31;
constexpr double infinity = std::numeric_limits<double>::infinity();

struct Kernel {
  Loss loss;
  // A similarity is 1 minus the loss.
  bool subtracts_from_one = false;
};

Kernel kernel_of(const FacilityLocationOptions& options, Metric metric) {
  switch (options.kernel) {
    case CoverageKernel::distance:
      return {Loss::distance(metric)};
    case CoverageKernel::gaussian:
      return {Loss::gaussian(metric, options.bandwidth)};
    case CoverageKernel::cosine:
      return {Loss::distance(Metric::cosine), true};
  }
  throw InvalidInput("unknown kernel");
}

template <class T>
class FacilityLocation {
 public:
  FacilityLocation(const DistanceMeter<T>& meter, const Kernel& kernel, Job& job)
      : n_rows_(meter.rows().size()),
        job_(job),
        kernel_(kernel),
        rough_(meter, kernel.loss, job),
        gain_bounds_(rough_, max_served, job),
        coverage_(meter, kernel.loss, job),
        is_picked_(n_rows_, false),
        is_listed_(n_rows_, false),
        served_(n_rows_),
        n_left_(served_per_row * n_rows_) {}

  // Picks the row and returns its gain.
  double pick(std::size_t row) {
    const double gain = measure(row);
    coverage_.add();
    is_picked_[row] = true;
    n_left_ += served_[row].size();
    served_[row] = {};
    return n_picks_++ == 0 ? gain_of_first(row) : gain;
  }

  // The row with the smallest summed loss.
  std::size_t first() {
    const std::size_t guess = most_central_row(rough_, n_central, job_);
    // The gains of candidates after the guess are bounded in the same pass.
    const std::vector<double> reach = coverage_.losses_by(guess);
    PairSums sums = bound_all_pairs(rough_, reach, job_);
    const std::size_t row = smallest_sum(sums.losses);
    if (row != guess) {
      allow_for(row, reach, sums.gains);
    }
    gains_ = std::move(sums.gains);
    return row;
  }

  void start() {
    if (gains_.empty()) {
      gains_ = bound_all_pairs(rough_, coverage_.nearest(), job_).gains;
    }
    std::vector<Candidate> candidates;
    candidates.reserve(n_rows_);
    for (std::size_t row = 0; row < n_rows_; ++row) {
      if (!is_picked_[row]) {
        candidates.push_back({gains_[row], static_cast<std::uint32_t>(row)});
      }
    }
    heap_.build(std::move(candidates));
    gains_ = {};
  }

  // The row with the largest gain, which is removed from the candidates.
  std::size_t best() {
    std::size_t n_at_once = min_candidates;
    for (;; job_.check()) {
      if (heap_.top().is_stale(n_picks_)) {
        refresh(n_at_once);
        n_at_once = std::min(2 * n_at_once, max_candidates);
        continue;
      }
      Candidate candidate = heap_.pop();
      if (candidate.is_settled(n_picks_)) {
        return candidate.row;
      }
      candidate.gain = measure(candidate.row);
      candidate.is_exact = true;
      heap_.push(candidate);
    }
  }

 private:
  // Updates the bounds of stale candidates at the top of the heap: at once for those whose served
  // rows are known, together for the others.
  void refresh(std::size_t n_at_once) {
    batch_.clear();
    aside_.clear();
    double bar = -infinity;
    while (!heap_.empty() && batch_.size() < n_at_once && aside_.size() < max_candidates) {
      // Empty lanes are filled with the next candidates.
      if (heap_.top().gain < bar && batch_.size() % min_candidates == 0) {
        break;
      }
      Candidate candidate = heap_.pop();
      if (candidate.is_stale(n_picks_) && !is_listed_[candidate.row]) {
        batch_.push_back(candidate);
        continue;
      }
      if (candidate.is_stale(n_picks_)) {
        candidate = {bound_from_list(candidate.row), candidate.row, n_picks_, false};
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

  double bound_from_list(std::size_t candidate) {
    std::vector<Served>& served = served_[candidate];
    const std::vector<double>& nearest = coverage_.nearest();
    n_left_ += served.size();
    std::erase_if(served, [&](const Served& one) { return !(one.at_least < nearest[one.row]); });
    n_left_ -= served.size();
    if (served.size() < served.capacity() / 2) {
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

  void bound_batch() {
    batch_rows_.clear();
    for (const Candidate& candidate : batch_) {
      batch_rows_.push_back(candidate.row);
    }
    const std::vector<GainBound>& bounds = gain_bounds_.bound(batch_rows_, coverage_.nearest());
    for (std::size_t c = 0; c < batch_.size(); ++c) {
      const std::uint32_t row = batch_[c].row;
      heap_.push({std::min(batch_[c].gain, bounds[c].gain), row, n_picks_, false});
      if (bounds[c].is_listed && bounds[c].served.size() <= n_left_) {
        served_[row] = bounds[c].served;
        is_listed_[row] = true;
        n_left_ -= bounds[c].served.size();
      }
    }
  }

  double measure(std::size_t row) {
    if (measured_row_ != row || n_picks_when_measured_ != n_picks_ || n_picks_ == 0) {
      measured_gain_ = coverage_.measure(row, is_listed_[row] ? &served_[row] : nullptr);
      measured_row_ = row;
      n_picks_when_measured_ = n_picks_;
    }
    return measured_gain_;
  }

  [[nodiscard]] double summed_loss(std::size_t row) const {
    return sum_of(coverage_.losses_by(row));
  }

  // Similarities sum up to the coverage, distances to minus the cost.
  [[nodiscard]] double gain_of_first(std::size_t row) const {
    if (kernel_.subtracts_from_one) {
      std::vector<double> terms = coverage_.losses_by(row);
      for (double& term : terms) {
        term = 1.0 - term;
      }
      return sum_of(terms);
    }
    return 0.0 - summed_loss(row);
  }

  static double sum_of(const std::vector<double>& terms) {
    BlockSum sum;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      sum.add(i, terms[i]);
    }
    return sum.total();
  }

  std::size_t smallest_sum(const std::vector<double>& at_least) {
    std::vector<Candidate> candidates;
    candidates.reserve(n_rows_);
    for (std::size_t row = 0; row < n_rows_; ++row) {
      candidates.push_back({-at_least[row], static_cast<std::uint32_t>(row)});
    }
    heap_.build(std::move(candidates));
    Candidate best{-infinity, std::numeric_limits<std::uint32_t>::max()};
    while (!heap_.empty() && !(heap_.top().gain < best.gain)) {
      Candidate candidate = heap_.pop();
      candidate.gain = -summed_loss(candidate.row);
      best = std::max(best, candidate);
    }
    return best.row;
  }

  // Raises bounds on gains within `reach` to the bounds after `first` alone.
  void allow_for(std::size_t first, const std::vector<double>& reach, std::vector<double>& gains) {
    const std::vector<double> losses = coverage_.losses_by(first);
    double more = 0.0;
    for (std::size_t i = 0; i < n_rows_; ++i) {
      more += std::max(0.0, losses[i] - reach[i]);
    }
    const double rounding = 1e-9 + static_cast<double>(n_rows_) * 0x1p-52;
    for (double& gain : gains) {
      gain = (gain + more) * (1.0 + rounding);
    }
  }

  std::size_t n_rows_;
  Job& job_;
  Kernel kernel_;
  RoughRows<T> rough_;
  GainBounds<T> gain_bounds_;
  Coverage<T> coverage_;
  std::vector<bool> is_picked_;
  std::uint32_t n_picks_ = 0;

  std::vector<double> gains_;  // bounds from the first pass, until start() uses them
  CandidateHeap heap_;
  std::vector<Candidate> batch_;
  std::vector<Candidate> aside_;
  std::vector<std::uint32_t> batch_rows_;
  // Per candidate, whether its served rows are known, and the rows, ascending.
  std::vector<bool> is_listed_;
  std::vector<std::vector<Served>> served_;
  std::size_t n_left_;  // how many more may be stored

  std::size_t measured_row_ = 0;
  std::uint32_t n_picks_when_measured_ = 0;
  double measured_gain_ = 0.0;
};

}  // namespace

CoverageKernel coverage_kernel_from_name(std::string_view name) {
  if (name == "distance") return CoverageKernel::distance;
  if (name == "gaussian") return CoverageKernel::gaussian;
  if (name == "cosine") return CoverageKernel::cosine;
  throw InvalidInput("kernel must be one of distance, gaussian, cosine; got '" +
                     std::string(name) + "'");
}

template <class T>
Picks facility_location(const Rows<T>& rows, std::size_t k, Metric metric,
                        const FacilityLocationOptions& options,
                        std::span<const std::size_t> initial, Job& job) {
  if (rows.size() > max_rows) {
    throw InvalidInput("facility_location takes at most " + std::to_string(max_rows) +
                       " rows, got " + std::to_string(rows.size()));
  }
  const Kernel kernel = kernel_of(options, metric);
  const DistanceMeter<T> meter(rows, kernel.loss.metric(), job);
  FacilityLocation<T> state(meter, kernel, job);
  Picks picks;
  picks.rows.reserve(k);
  picks.gains.reserve(k);
  const auto take = [&](std::size_t row) {
    picks.gains.push_back(state.pick(row));
    picks.rows.push_back(row);
    job.advance(1);
  };
  for (const std::size_t row : initial) {
    take(row);
  }
  if (initial.empty()) {
    take(state.first());
  }
  if (picks.rows.size() < k) {
    state.start();
  }
  while (picks.rows.size() < k) {
    take(state.best());
  }
  return picks;
}

std::uint64_t facility_location_memory(std::uint64_t n_rows, std::uint64_t n_columns,
                                       unsigned n_threads) {
  // Distances, bounds and candidates; vectors of served rows may have twice that capacity.
  const std::uint64_t of_row = 24 * sizeof(double) + 2 * served_per_row * sizeof(Served);
  // The sample that the centre is fitted to.
  const std::uint64_t of_sample = 1024 * n_columns * (sizeof(double) + sizeof(float));
  return n_rows * of_row + of_sample +
         n_threads * (bytes_of_tiles(n_columns) +
                      GainBounds<float>::bytes_per_thread(n_columns, max_candidates, max_served));
}

#define THINSET_INSTANTIATE(T)                                                                  \
  template Picks facility_location(const Rows<T>&, std::size_t, Metric,                         \
                                   const FacilityLocationOptions&, std::span<const std::size_t>, \
                                   Job&);
THINSET_INSTANTIATE(float)
THINSET_INSTANTIATE(double)
THINSET_INSTANTIATE(Float16)
THINSET_INSTANTIATE(BFloat16)
#undef THINSET_INSTANTIATE

}  // namespace thinset
