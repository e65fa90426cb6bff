#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "certificates/small_sets.hpp"
#include "certificates/squares.hpp"
#include "methods/max_min.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "thinset/certificates.hpp"
#include "thinset/objective.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
// Partitions that are tried, and the squares, in proportion, between which there is none to try.
constexpr std::size_t n_steps = 12;
constexpr double close_enough = 1.002;
// Distances measured for them: at most so many times N k, besides these.
constexpr double passes_at_most = 16.0;
constexpr double free_work = 0x1p25;
constexpr double infinity = std::numeric_limits<double>::infinity();

// In squares of Euclidean distances (for cosine: between directions).
double jung_factor(std::size_t m) {
  const auto n = static_cast<double>(m);
  return 2.0 * (n + 1.0) / n;
}

template <class T>
double distance_from_square(const DistanceMeter<T>& meter, double square) {
  const double rank = meter.metric() == Metric::cosine ? 0.5 * square : square;
  return meter.distance_from_rank(rank) * (1.0 + 0x1p-50);
}

// At least the rank that the gain of a pick is the distance of.
template <class T>
double rank_of_gain(const DistanceMeter<T>& meter, double gain) {
  return meter.metric() == Metric::euclidean ? gain * gain * (1.0 + 0x1p-50) : gain;
}

// At least the smallest square between any k rows, by their squared distances from one point.
double bound_by_average(std::vector<double> squares, std::size_t k) {
  std::ranges::sort(squares, std::greater<>());
  double smallest = infinity;
  double sum = squares[k - 1];
  for (std::size_t m = 1; m < k; ++m) {
    sum += squares[k - m - 1];
    const auto n = static_cast<double>(m);
    smallest = std::min(smallest, 2.0 / n * sum * (1.0 + (n + 8.0) * 0x1p-52));
  }
  return smallest;
}

// At least the smallest square between any k rows, by covers with balls.
double bound_by_cover(const std::vector<double>& cover, std::size_t k) {
  double smallest = infinity;
  for (std::size_t m = 1; m < k; ++m) {
    smallest = std::min(smallest, cover[(k - 1) / m] * jung_factor(m));
  }
  return smallest;
}

// The same by partitions into k - 1 sets, if that is less than `square`. `reached` is the smallest
// square of some k rows: no bound is below it.
template <class T>
double bound_by_partition(const DistanceMeter<T>& meter, const std::vector<double>& squares,
                          std::size_t k, double reached, double square, Job& job) {
  std::vector<double> radii(squares.size());
  std::ranges::transform(squares, radii.begin(),
                         [](double of_row) { return std::sqrt(of_row) * (1.0 + 0x1p-52); });
  const double pairs = static_cast<double>(squares.size()) * static_cast<double>(k);
  SmallSets<T> sets(meter, std::move(radii), pairs * passes_at_most + free_work, job);
  double low = reached;
  double high = square;
  for (std::size_t step = 0; step < n_steps; ++step) {
    job.advance(k / n_steps);
    if (!(high > low * close_enough) || sets.is_exhausted()) {
      continue;
    }
    const double middle = std::sqrt(low) * std::sqrt(high);
    const double limit = meter.metric() == Metric::cosine ? 0.5 * middle : middle;
    const auto found = sets.partition(k - 1, limit);
    if (found.is_found) {
      const double of_radii = found.radii * found.radii * (1.0 + 0x1p-50);
      square = std::min(square, std::max(square_from_rank(meter, found.rank), of_radii));
      high = std::min(middle, square);
    } else {
      low = middle;
    }
  }
  return square;
}

template <class T>
bool has_same_value(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a == b;
  } else {
    return a.bits == b.bits || ((a.bits | b.bits) & 0x7fff) == 0;
  }
}

// Whether every row has the same values as one of these.
template <class T>
bool are_all_among(const Rows<T>& rows, std::span<const std::size_t> distinct, Job& job) {
  std::atomic<bool> are_all{true};
  job.parallel_for(rows.size(), rows_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
    for (std::size_t i = begin; i < end && are_all; ++i) {
      const auto is_same = [&](std::size_t other) {
        return std::equal(rows.row(i), rows.row(i) + rows.n_columns(), rows.row(other),
                          has_same_value<T>);
      };
      if (std::ranges::none_of(distinct, is_same)) {
        are_all = false;
      }
    }
  });
  return are_all;
}

template <class T>
double bound_of(const Rows<T>& rows, std::size_t k, Metric metric, Job& job) {
  const ColumnSummary summary = summarise_columns(rows, job);
  const DistanceMeter<T> meter(rows, metric, job);
  job.set_total(2 * k);
  const Picks greedy = max_min(rows, summary, k, metric, {}, job);
  if (greedy.gains.back() == 0.0) {
    const auto n_apart =
        static_cast<std::size_t>(std::ranges::find(greedy.gains, 0.0) - greedy.gains.begin());
    if (are_all_among(rows, std::span(greedy.rows).first(n_apart), job)) {
      return 0.0;
    }
  }
  std::vector<double> cover;
  for (const double gain : greedy.gains) {
    cover.push_back(square_from_rank(meter, rank_of_gain(meter, gain)));
  }
  const std::vector<double> squares = squares_from_mean(meter, summary, job);
  // Among k directions, some pair is no further apart than the vertices of a regular simplex.
  double square = metric == Metric::cosine ? jung_factor(k - 1) : infinity;
  square = std::min({square, bound_by_cover(cover, k), bound_by_average(squares, k)});
  const double reached = rank_of_gain(meter, greedy.gains.back());
  if (reached > 0.0 && std::isfinite(square)) {
    const double of_directions = metric == Metric::cosine ? 2.0 : 1.0;
    square = bound_by_partition(meter, squares, k, of_directions * reached, square, job);
  }
  return distance_from_square(meter, square);
}

}  // namespace

double upper_bound_of_smallest_pairwise_distance(const AnyMatrix& embeddings,
                                                 std::span<const std::int64_t> indices,
                                                 Metric metric, Job& job) {
  check_indices(embeddings, indices, 2, embeddings.n_rows);
  return visit(embeddings, [&]<class T>(const Rows<T>& rows) {
    return bound_of(rows, indices.size(), metric, job);
  });
}

}  // namespace thinset
