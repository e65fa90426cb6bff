#include "bounds/pair_bounds.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>
#include <span>

#include "rows/elements.hpp"
#include "simd/screen_kernels.hpp"

namespace thinset {

namespace {

// Point sums take one addition per query: more of them would round worse than products do.
constexpr std::size_t queries_per_turn = 256;
// Relative error of float32 sums of up to this many terms, with a margin.
constexpr double error_of_sums = (queries_per_turn + 64) * 0x1p-24;
constexpr double infinity = std::numeric_limits<double>::infinity();

// As many as fit in cache beside the queries.
std::size_t points_per_turn(std::size_t n_columns) {
  return std::max<std::size_t>(rows_per_tile(n_columns) / 8, 32) / 32 * 32;
}

struct Scratch {
  RoughSide queries, points;
  std::vector<std::uint32_t> rows;
  std::size_t tile = std::numeric_limits<std::size_t>::max();

  std::span<const std::uint32_t> range(std::size_t begin, std::size_t end) {
    rows.resize(end - begin);
    std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(begin));
    return rows;
  }
};

// Adds the sums of a side to the totals of its rows and resets them to zero.
void hand_over(RoughSide& side, std::size_t sums_per_row, PairSums& totals) {
  for (std::size_t i = 0; i < side.rows.size() * sums_per_row; ++i) {
    totals.losses[side.rows[i / sums_per_row]] += side.sums[i];
    totals.gains[side.rows[i / sums_per_row]] += side.gains[i];
  }
  std::ranges::fill(side.sums, 0.0F);
  std::ranges::fill(side.gains, 0.0F);
}

template <class T>
class AllPairs {
 public:
  AllPairs(const RoughRows<T>& rows, const std::vector<double>& reach, Job& job)
      : rows_(rows),
        reach_(reach),
        // Enough tiles for every thread to have some.
        tile_rows_(std::min(rows_per_tile(rows.n_columns()), rows.size() / 256 * 32 + 32)),
        n_tiles_((rows.size() + tile_rows_ - 1) / tile_rows_),
        scratch_(job.n_threads()),
        totals_{std::vector<double>(rows.size(), 0.0), std::vector<double>(rows.size(), 0.0)} {
    job.parallel_for(n_tiles_ * (n_tiles_ + 1) / 2, 1,
                     [&](std::size_t pair, std::size_t, unsigned thread) {
                       std::size_t a = 0;
                       for (; pair >= n_tiles_ - a; ++a) {
                         pair -= n_tiles_ - a;
                       }
                       add_tiles(a, a + pair, scratch_[thread]);
                     });
  }

  PairSums bounds() && {
    for (double& sum : totals_.losses) {
      sum = rows_.sum_at_least(sum, error_of_sums);
    }
    for (double& gain : totals_.gains) {
      gain = rows_.sum_at_most(gain, error_of_sums);
    }
    return std::move(totals_);
  }

 private:
  // Adds the pairs of two tiles, to both sides, or of a tile with itself.
  void add_tiles(std::size_t a, std::size_t b, Scratch& scratch) {
    if (scratch.tile != a) {
      rows_.read_queries(
          scratch.range(a * tile_rows_, std::min(rows_.size(), (a + 1) * tile_rows_)), reach_,
          scratch.queries);
      scratch.tile = a;
    }
    const std::size_t step = points_per_turn(rows_.n_columns());
    const std::size_t last = std::min(rows_.size(), (b + 1) * tile_rows_);
    for (std::size_t begin = b * tile_rows_; begin < last; begin += step) {
      rows_.read_points(scratch.range(begin, std::min(last, begin + step)), reach_, scratch.points);
      add_points(a != b, scratch);
    }
    const std::scoped_lock lock(mutex_);
    hand_over(scratch.queries, points_per_block, totals_);
  }

  void add_points(bool to_points, Scratch& scratch) {
    const std::size_t n_queries = scratch.queries.norms.size();
    for (std::size_t q = 0; q < n_queries; q += queries_per_turn) {
      pair_kernels().add_pairs(
          queries_of(scratch.queries, q, std::min(n_queries, q + queries_per_turn),
                     rows_.n_columns()),
          points_of(scratch.points), rows_.n_columns(), rows_.pair_value());
      if (to_points) {
        const std::scoped_lock lock(mutex_);
        hand_over(scratch.points, 1, totals_);
      }
    }
  }

  const RoughRows<T>& rows_;
  const std::vector<double>& reach_;
  std::size_t tile_rows_;
  std::size_t n_tiles_;
  std::vector<Scratch> scratch_;
  std::mutex mutex_;
  PairSums totals_;
};

}  // namespace

template <class T>
PairSums bound_all_pairs(const RoughRows<T>& rows, const std::vector<double>& reach, Job& job) {
  if (!rows.is_usable()) {
    return {std::vector<double>(rows.size(), -infinity),
            std::vector<double>(rows.size(), infinity)};
  }
  return AllPairs<T>(rows, reach, job).bounds();
}

template <class T>
std::size_t most_central_row(const RoughRows<T>& rows, std::vector<std::uint32_t> central,
                             std::size_t n_central, Job& job) {
  n_central = std::min(central.size(), n_central);
  std::ranges::nth_element(central, central.begin() + static_cast<std::ptrdiff_t>(n_central - 1),
                           {}, [&](std::uint32_t row) { return rows.norms()[row]; });
  central.resize(n_central);
  if (!rows.is_usable()) {
    return central.front();
  }
  PairSums totals{std::vector<double>(rows.size(), 0.0), std::vector<double>(rows.size(), 0.0)};
  std::mutex mutex;
  const std::size_t step = points_per_turn(rows.n_columns());
  job.parallel_for(rows.size(), 8 * step, [&](std::size_t begin, std::size_t end, unsigned) {
    Scratch scratch;
    rows.read_queries(central, {}, scratch.queries);
    for (; begin < end; begin += step) {
      rows.read_points(scratch.range(begin, std::min(end, begin + step)), {}, scratch.points);
      pair_kernels().add_pairs(
          queries_of(scratch.queries, 0, scratch.queries.norms.size(), rows.n_columns()),
          points_of(scratch.points), rows.n_columns(), rows.pair_value());
    }
    const std::scoped_lock lock(mutex);
    hand_over(scratch.queries, points_per_block, totals);
  });
  return *std::ranges::min_element(central, {},
                                   [&](std::uint32_t row) { return totals.losses[row]; });
}

template <class T>
std::vector<double> approximate_mean_losses(const RoughRows<T>& rows, std::size_t n, Job& job) {
  PairSums totals{std::vector<double>(rows.size(), 0.0), std::vector<double>(rows.size(), 0.0)};
  if (!rows.is_usable()) {
    return totals.losses;
  }
  n = std::min({n, rows.size(), queries_per_turn});
  std::vector<std::uint32_t> sample(n);
  for (std::size_t s = 0; s < n; ++s) {
    sample[s] = static_cast<std::uint32_t>(s * rows.size() / n);
  }
  const std::size_t step = points_per_turn(rows.n_columns());
  job.parallel_for(rows.size(), 8 * step, [&](std::size_t begin, std::size_t end, unsigned) {
    Scratch scratch;
    rows.read_queries(sample, {}, scratch.queries);
    for (; begin < end; begin += step) {
      rows.read_points(scratch.range(begin, std::min(end, begin + step)), {}, scratch.points);
      pair_kernels().add_pairs(
          queries_of(scratch.queries, 0, scratch.queries.norms.size(), rows.n_columns()),
          points_of(scratch.points), rows.n_columns(), rows.pair_value());
      hand_over(scratch.points, 1, totals);
    }
  });
  for (double& loss : totals.losses) {
    loss = rows.sum_at_least(loss, 0.0) / static_cast<double>(n);
  }
  return totals.losses;
}

std::uint64_t bytes_of_tiles(std::size_t n_columns) {
  const std::size_t n_rows = rows_per_tile(n_columns) + points_per_turn(n_columns);
  return n_rows * (n_columns + 40) * sizeof(float) + 4 * n_columns * sizeof(double);
}

#define THINSET_INSTANTIATE(T)                                                              \
  template PairSums bound_all_pairs(const RoughRows<T>&, const std::vector<double>&, Job&); \
  template std::size_t most_central_row(const RoughRows<T>&, std::vector<std::uint32_t>,    \
                                        std::size_t, Job&);                                 \
  template std::vector<double> approximate_mean_losses(const RoughRows<T>&, std::size_t, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
