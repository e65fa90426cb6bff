#include "bounds/gain_bounds.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace thinset {

namespace {

constexpr std::size_t parts_per_thread = 4;
constexpr std::size_t max_rows_per_turn = 128;
// Relative error of float32 sums of one term per row of a batch, with a margin.
constexpr double error_of_sums = (max_rows_per_turn + 64) * 0x1p-24;

std::size_t rows_per_turn(std::size_t n_columns) {
  return std::min(max_rows_per_turn, rows_per_tile(n_columns));
}

}  // namespace

template <class T>
GainBounds<T>::GainBounds(const RoughRows<T>& rows, std::size_t max_served, Job& job)
    : rows_(rows),
      max_served_(max_served),
      job_(job),
      parts_(parts_per_thread * job.n_threads()),
      scratch_(job.n_threads()) {}

template <class T>
std::vector<GainBound>& GainBounds<T>::bound(std::span<const std::uint32_t> candidates,
                                             const std::vector<double>& nearest) {
  bounds_.resize(candidates.size());
  if (!rows_.is_usable()) {
    std::ranges::fill(bounds_, GainBound{std::numeric_limits<double>::infinity(), {}, false});
    return bounds_;
  }
  rows_.read_points(candidates, {}, points_);
  // Padding is out of every reach.
  std::fill(points_.norms.begin() + static_cast<std::ptrdiff_t>(candidates.size()),
            points_.norms.end(), std::numeric_limits<float>::infinity());
  const std::size_t n = rows_.size();
  job_.parallel_for(parts_.size(), 1, [&](std::size_t p, std::size_t, unsigned thread) {
    parts_[p].bounds.resize(candidates.size());
    measure(n * p / parts_.size(), n * (p + 1) / parts_.size(), nearest, parts_[p],
            scratch_[thread]);
  });
  job_.parallel_for(candidates.size(), 16, [&](std::size_t begin, std::size_t end, unsigned) {
    for (std::size_t c = begin; c < end; ++c) {
      collect(c);
    }
  });
  return bounds_;
}

// Rows [begin, end) against all candidates.
template <class T>
void GainBounds<T>::measure(std::size_t begin, std::size_t end, const std::vector<double>& nearest,
                            Part& part, Scratch& scratch) {
  for (GainBound& bound : part.bounds) {
    bound.gain = 0.0;
    bound.served.clear();
    bound.is_listed = true;
  }
  const std::size_t step = rows_per_turn(rows_.n_columns());
  for (; begin < end; begin += step) {
    scratch.rows.resize(std::min(step, end - begin));
    std::iota(scratch.rows.begin(), scratch.rows.end(), static_cast<std::uint32_t>(begin));
    rows_.read_queries(scratch.rows, nearest, scratch.queries);
    const std::size_t n_queries = scratch.queries.norms.size();
    scratch.gains.assign(points_.norms.size(), 0.0F);
    scratch.n_found.assign(points_.norms.size(), 0);
    scratch.found.resize(points_.norms.size() * n_queries);
    PairSide points = points_of(points_);
    points.gains = scratch.gains.data();
    pair_kernels().find_in_reach(queries_of(scratch.queries, 0, n_queries, rows_.n_columns()),
                                 points, rows_.n_columns(), rows_.pair_value(),
                                 scratch.found.data(), scratch.n_found.data());
    for (std::size_t c = 0; c < part.bounds.size(); ++c) {
      GainBound& bound = part.bounds[c];
      bound.gain += scratch.gains[c];
      bound.is_listed = bound.is_listed && bound.served.size() + scratch.n_found[c] <= max_served_;
      for (std::size_t f = 0; bound.is_listed && f < scratch.n_found[c]; ++f) {
        const PairInReach& pair = scratch.found[c * n_queries + f];
        bound.served.push_back(
            {static_cast<std::uint32_t>(begin) + pair.query, rows_.loss_at_least(pair.v)});
      }
    }
  }
}

// Joins the parts, which are in ascending order of rows.
template <class T>
void GainBounds<T>::collect(std::size_t candidate) {
  GainBound& whole = bounds_[candidate];
  whole.served.clear();
  double gain = 0.0;
  std::size_t n_served = 0;
  bool is_listed = true;
  for (const Part& part : parts_) {
    const GainBound& bound = part.bounds[candidate];
    gain += bound.gain;
    n_served += bound.served.size();
    is_listed = is_listed && bound.is_listed;
  }
  whole.gain = rows_.sum_at_most(gain, error_of_sums);
  whole.is_listed = is_listed && n_served <= max_served_;
  for (std::size_t p = 0; whole.is_listed && p < parts_.size(); ++p) {
    const std::vector<Served>& served = parts_[p].bounds[candidate].served;
    whole.served.insert(whole.served.end(), served.begin(), served.end());
  }
}

template <class T>
std::uint64_t GainBounds<T>::bytes_per_thread(std::uint64_t n_columns, std::uint64_t n_candidates,
                                              std::uint64_t max_served) {
  const std::uint64_t n_rows = max_rows_per_turn + n_candidates;
  return n_rows * (n_columns + 40) * sizeof(float) +
         n_candidates * (max_rows_per_turn * sizeof(PairInReach) +
                         (2 * parts_per_thread + 2) * (max_served * sizeof(Served) + 64));
}

template class GainBounds<float>;
template class GainBounds<double>;
template class GainBounds<Float16>;
template class GainBounds<BFloat16>;

}  // namespace thinset
