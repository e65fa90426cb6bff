#include "methods/facility_location.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "bounds/pair_bounds.hpp"
#include "bounds/rough_rows.hpp"
#include "methods/coverage.hpp"
#include "methods/facility_candidates.hpp"
#include "rows/block_sum.hpp"
#include "rows/elements.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

// The first pick without weights is most likely among this many rows near the centre.
constexpr std::size_t n_central = 256;
// Rows that stand for all when the first pick with weights is guessed.
constexpr std::size_t n_sampled = 256;
// Fewer candidates than this share of the rows are measured one by one, without a pass over all
// pairs.
constexpr std::size_t least_share = 8;
// Rows are numbered in 32 bits.
constexpr std::size_t max_rows = std::size_t{1} << 31;
constexpr double infinity = std::numeric_limits<double>::infinity();

struct Kernel {
  Loss loss;
  // A similarity is 1 minus the loss.
  bool subtracts_from_one = false;
};

// No two rows are further apart: twice the largest distance from the mean.
template <class T>
double largest_distance(const DistanceMeter<T>& meter, const std::vector<double>& mean, Job& job) {
  if (meter.metric() == Metric::cosine) {
    return 2.0;
  }
  Point point;
  meter.read(mean, point);
  const double distance =
      meter.distance_from_rank(meter.rank(furthest_row(meter, mean, job), point));
  return (meter.metric() == Metric::sqeuclidean ? 4.0 : 2.0) * distance;
}

template <class T>
class FacilityLocation {
 public:
  // `origin` is the loss of a row that nothing represents.
  FacilityLocation(const DistanceMeter<T>& meter, const Kernel& kernel, double origin,
                   const Terms& terms, Job& job)
      : n_rows_(meter.rows().size()),
        job_(job),
        kernel_(kernel),
        origin_(origin),
        terms_(terms),
        rough_(meter, kernel.loss, job),
        coverage_(meter, kernel.loss, origin, job),
        candidates_(rough_, coverage_, terms, job) {
    coverage_.leave_out_last(terms.n_not_represented);
  }

  // Picks the row and returns its gain.
  double pick(std::size_t row) {
    const double gain = candidates_.pick(row);
    return n_picks_++ == 0 && origin_ == infinity ? gain_of_first(row) : gain;
  }
  void close(std::size_t row) { candidates_.close(row); }

  // The open row with the largest first gain, times its weight; n_rows if no row is open.
  std::size_t first() {
    const std::vector<std::uint32_t> open = open_rows();
    if (open.empty()) {
      return n_rows_;
    }
    if (least_share * open.size() <= n_rows_) {
      gains_.assign(n_rows_, infinity);
      return best_first(open, std::vector<double>(n_rows_, -infinity));
    }
    const std::size_t guess = guess_first(open);
    // The gains of candidates after the guess are bounded in the same pass.
    const std::vector<double> reach = coverage_.losses_by(guess);
    PairSums sums = bound_all_pairs(rough_, reach, job_);
    const std::size_t row = best_first(open, sums.losses);
    if (row == guess) {
      gains_ = std::move(sums.gains);
    } else if (terms_.weights.empty()) {
      allow_for(row, reach, sums.gains);
      gains_ = std::move(sums.gains);
    }
    return row;
  }

  void start() {
    if (gains_.empty()) {
      const bool are_few = least_share * open_rows().size() <= n_rows_;
      gains_ = are_few ? std::vector<double>(n_rows_, infinity)
                       : bound_all_pairs(rough_, coverage_.nearest(), job_).gains;
    }
    candidates_.start(gains_);
    gains_ = {};
  }

  // The row with the largest gain times its weight; n_rows if no row is open.
  std::size_t best() { return candidates_.best(); }

 private:
  [[nodiscard]] std::vector<std::uint32_t> open_rows() const {
    std::vector<std::uint32_t> rows;
    for (std::size_t row = 0; row < n_rows_; ++row) {
      if (candidates_.is_open(row)) {
        rows.push_back(static_cast<std::uint32_t>(row));
      }
    }
    return rows;
  }

  std::size_t guess_first(const std::vector<std::uint32_t>& open) {
    if (terms_.weights.empty()) {
      return most_central_row(rough_, open, n_central, job_);
    }
    const std::vector<double> losses = approximate_mean_losses(rough_, n_sampled, job_);
    return *std::ranges::max_element(
        open, {}, [&](std::uint32_t row) { return terms_.weight(row) * (origin_ - losses[row]); });
  }

  // By lower bounds of the summed losses.
  std::size_t best_first(const std::vector<std::uint32_t>& open,
                         const std::vector<double>& at_least) {
    std::vector<Candidate> candidates;
    candidates.reserve(open.size());
    for (const std::uint32_t row : open) {
      candidates.push_back({weighted(row, first_gain_at_most(at_least[row])), row});
    }
    CandidateHeap heap;
    heap.build(std::move(candidates));
    Candidate best{-infinity, std::numeric_limits<std::uint32_t>::max()};
    while (!heap.empty() && !(heap.top().gain < best.gain)) {
      job_.check();
      Candidate candidate = heap.pop();
      candidate.gain = weighted(candidate.row, first_gain(candidate.row));
      best = std::max(best, candidate);
    }
    return best.row;
  }

  [[nodiscard]] double weighted(std::size_t row, double gain) const {
    const double weight = terms_.weight(row);
    return weight == 0.0 ? 0.0 : weight * gain;
  }

  // What first picks compete by: the decrease from the origin, or without one minus the sum.
  [[nodiscard]] double first_gain(std::size_t row) const {
    std::vector<double> terms = coverage_.losses_by(row);
    if (origin_ == infinity) {
      return -sum_of(terms);
    }
    for (double& term : terms) {
      term = std::max(0.0, origin_ - term);
    }
    return sum_of(terms);
  }
  [[nodiscard]] double first_gain_at_most(double summed_loss) const {
    if (origin_ == infinity) {
      return -summed_loss;
    }
    // Distances may pass the origin by their rounding.
    const double all = origin_ * static_cast<double>(n_rows_);
    return (all - summed_loss) * (1.0 + 1e-9) + 1e-9 * all;
  }

  // Similarities sum up to the coverage, distances to minus the cost.
  [[nodiscard]] double gain_of_first(std::size_t row) const {
    std::vector<double> losses = coverage_.losses_by(row);
    if (!kernel_.subtracts_from_one) {
      return 0.0 - sum_of(losses);
    }
    for (double& loss : losses) {
      loss = 1.0 - loss;
    }
    return sum_of(losses);
  }

  static double sum_of(const std::vector<double>& terms) {
    BlockSum sum;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      sum.add(i, terms[i]);
    }
    return sum.total();
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
  double origin_;
  const Terms& terms_;
  RoughRows<T> rough_;
  Coverage<T> coverage_;
  FacilityCandidates<T> candidates_;
  std::size_t n_picks_ = 0;
  std::vector<double> gains_;  // bounds from the first pass, until start() uses them
};

}  // namespace

Loss loss_of(const FacilityLocationOptions& options, Metric metric) {
  switch (options.kernel) {
    case CoverageKernel::distance:
      return Loss::distance(metric);
    case CoverageKernel::gaussian:
      return Loss::gaussian(metric, options.bandwidth);
    case CoverageKernel::cosine:
      return Loss::distance(Metric::cosine);
  }
  throw InvalidInput("unknown kernel");
}

CoverageKernel coverage_kernel_from_name(std::string_view name) {
  if (name == "distance") return CoverageKernel::distance;
  if (name == "gaussian") return CoverageKernel::gaussian;
  if (name == "cosine") return CoverageKernel::cosine;
  throw InvalidInput("kernel must be one of distance, gaussian, cosine; got '" + std::string(name) +
                     "'");
}

template <class T>
Picks facility_location(const Rows<T>& rows, const std::vector<double>& mean, std::size_t k,
                        Metric metric, const FacilityLocationOptions& options,
                        std::span<const std::size_t> initial, Terms& terms, Job& job) {
  if (rows.size() > max_rows) {
    throw InvalidInput("facility_location takes at most " + std::to_string(max_rows) +
                       " rows, got " + std::to_string(rows.size()));
  }
  const Kernel kernel{loss_of(options, metric), options.kernel == CoverageKernel::cosine};
  const DistanceMeter<T> meter(rows, kernel.loss.metric(), job);
  double origin = infinity;
  if (kernel.loss.is_gaussian()) {
    origin = Loss::of_nothing;
  } else if (!terms.weights.empty()) {
    origin = largest_distance(meter, mean, job);
  }
  FacilityLocation<T> state(meter, kernel, origin, terms, job);
  Picks picks;
  picks.rows.reserve(k);
  picks.gains.reserve(k);
  const auto pick = [&](std::size_t row) {
    const double gain = state.pick(row);
    terms.pick(row, [&](std::size_t closed) { state.close(closed); });
    return gain;
  };
  const auto take = [&](std::size_t row) {
    picks.gains.push_back(pick(row) * terms.factor(row));
    picks.rows.push_back(row);
    job.advance(1);
  };
  const auto take_with_companions = [&](std::size_t row) {
    const std::vector<std::size_t> companions = terms.companions(row);
    take(row);
    for (const std::size_t companion : companions) {
      take(companion);
    }
  };
  for (const std::size_t row : initial.first(terms.n_elsewhere)) {
    pick(row);
  }
  for (const std::size_t row : initial.subspan(terms.n_elsewhere)) {
    take(row);
  }
  if (initial.empty()) {
    const std::size_t first = state.first();
    if (first == rows.size()) {
      return picks;
    }
    take_with_companions(first);
  }
  if (picks.rows.size() < k) {
    state.start();
  }
  while (picks.rows.size() < k) {
    const std::size_t row = state.best();
    if (row == rows.size()) {
      break;
    }
    take_with_companions(row);
  }
  return picks;
}

std::uint64_t facility_location_memory(std::uint64_t n_rows, std::uint64_t n_columns,
                                       unsigned n_threads) {
  // The sample that the centre is fitted to.
  const std::uint64_t of_sample = 1024 * n_columns * (sizeof(double) + sizeof(float));
  // Losses, bounds and open rows.
  return 24 * sizeof(double) * n_rows + of_sample + n_threads * bytes_of_tiles(n_columns) +
         FacilityCandidates<float>::bytes(n_rows, n_columns, n_threads);
}

#define THINSET_INSTANTIATE(T)                                                              \
  template Picks facility_location(const Rows<T>&, const std::vector<double>&, std::size_t, \
                                   Metric, const FacilityLocationOptions&,                  \
                                   std::span<const std::size_t>, Terms&, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
