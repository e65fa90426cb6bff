#include "methods/kmeans.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "methods/nearest_centre.hpp"
#include "methods/random_picks.hpp"
#include "rows/block_sum.hpp"
#include "simd/row_kernels.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
constexpr std::size_t rows_per_search = 16;
constexpr double tie_tolerance = 1e-12;
constexpr double infinity = std::numeric_limits<double>::infinity();

template <class T>
class KMeans {
  using Found = typename NearestCentre<T>::Found;

 public:
  KMeans(const DistanceMeter<T>& meter, std::size_t k, Job& job)
      : meter_(meter),
        rows_(meter.rows()),
        kernels_(row_kernels<T>()),
        k_(k),
        n_columns_(meter.n_columns()),
        job_(job),
        centres_(k * n_columns_),
        cluster_(meter.rows().size(), 0),
        squared_distance_(meter.rows().size(), infinity) {}

  // k-means++ (Arthur and Vassilvitskii 2007): each seed is drawn with probability proportional to
  // its squared distance to the seeds before it. Assigns every row to its nearest seed.
  void seed(Random& random) {
    std::vector<bool> taken(rows_.size(), false);
    std::size_t pick = random.below(rows_.size());
    for (std::size_t c = 0;; ++c) {
      taken[pick] = true;
      kernels_.widen(rows_.row(pick), centre(c), n_columns_);
      job_.advance(1);
      const double total = lower_distances_to(c);
      if (c + 1 == k_) {
        fill_empty_clusters();
        job_.advance(1);
        return;
      }
      pick = total > 0.0 ? draw(random.uniform() * total) : first_not(taken);
    }
  }

  // k different rows.
  void seed_at_random(Random& random) {
    const Picks picks = random_picks(rows_.size(), k_, {}, random);
    for (std::size_t c = 0; c < k_; ++c) {
      kernels_.widen(rows_.row(picks.rows[c]), centre(c), n_columns_);
    }
    job_.advance(k_);
    assign();
  }

  // Assigns every row to its nearest centre (ties: lower centre), then fills empty clusters.
  // Returns whether any row changed its cluster.
  bool assign() {
    if (!nearest_) {
      nearest_.emplace(meter_, centres_, job_);
    }
    nearest_->take_in_centres();
    std::vector<char> changed(job_.n_threads(), 0);
    job_.parallel_for(
        rows_.size(), rows_per_search, [&](std::size_t begin, std::size_t end, unsigned thread) {
          std::vector<Found> found;
          for (std::size_t i = begin; i < end; ++i) {
            // Few rows change their cluster, so the previous centre is the best first guess.
            const double d =
                kernels_.squared_distance(rows_.row(i), centre(cluster_[i]), n_columns_);
            found.push_back({cluster_[i], d});
          }
          nearest_->find(begin, found, thread);
          for (std::size_t i = begin; i < end; ++i) {
            changed[thread] |= static_cast<char>(cluster_[i] != found[i - begin].centre);
            cluster_[i] = found[i - begin].centre;
            squared_distance_[i] = found[i - begin].squared_distance;
          }
        });
    job_.advance(1);
    const bool repaired = fill_empty_clusters();
    return repaired || std::ranges::any_of(changed, [](char c) { return c != 0; });
  }

  // Moves every centre to the mean of its rows, added in ascending order.
  void update() {
    group_members();
    job_.parallel_for(k_, 1, [&](std::size_t begin, std::size_t end, unsigned) {
      std::vector<double> row(n_columns_);
      for (std::size_t c = begin; c < end; ++c) {
        double* mean = centre(c);
        std::fill_n(mean, n_columns_, 0.0);
        for (std::size_t m = first_member_[c]; m < first_member_[c + 1]; ++m) {
          kernels_.widen(rows_.row(members_[m]), row.data(), n_columns_);
          for (std::size_t j = 0; j < n_columns_; ++j) {
            mean[j] += row[j];
          }
        }
        const auto size = static_cast<double>(first_member_[c + 1] - first_member_[c]);
        for (std::size_t j = 0; j < n_columns_; ++j) {
          mean[j] /= size;
        }
      }
    });
  }

  // A row near to the centre of every cluster; the largest cluster first.
  Picks representatives(Terms& terms) {
    group_members();
    std::vector<std::size_t> nearest(k_);
    std::vector<std::size_t> size(k_);
    for (std::size_t c = 0; c < k_; ++c) {
      nearest[c] = nearest_member(c);
      size[c] = first_member_[c + 1] - first_member_[c];
    }
    std::vector<std::size_t> order(k_);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return size[a] != size[b] ? size[a] > size[b] : nearest[a] < nearest[b];
    });
    Picks picks;
    const bool is_plain = !terms.limits && terms.weights.empty();
    const double spread = is_plain ? 0.0 : mean_squared_distance();
    const auto take = [&](std::size_t c, std::size_t row) {
      picks.rows.push_back(row);
      picks.gains.push_back(static_cast<double>(size[c]));
      terms.pick(row, [](std::size_t) {});
    };
    std::vector<std::size_t> waiting;
    for (const std::size_t c : order) {
      const std::size_t row = is_plain ? nearest[c] : best_member(c, spread, terms);
      if (row < rows_.size()) {
        take(c, row);
      } else {
        waiting.push_back(c);
      }
    }
    for (const std::size_t c : waiting) {
      const std::size_t row = best_row(c, spread, terms);
      if (row < rows_.size()) {
        take(c, row);
      }
    }
    return picks;
  }

 private:
  double* centre(std::size_t c) { return centres_.data() + c * n_columns_; }

  // Takes seed c into account; returns the sum of all squared distances, added in blocks in order.
  double lower_distances_to(std::size_t c) {
    block_sums_.assign((rows_.size() + rows_per_block - 1) / rows_per_block, 0.0);
    job_.parallel_for(
        rows_.size(), rows_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
          double sum = 0.0;
          for (std::size_t i = begin; i < end; ++i) {
            const double d = kernels_.squared_distance(rows_.row(i), centre(c), n_columns_);
            if (d < squared_distance_[i]) {
              squared_distance_[i] = d;
              cluster_[i] = c;
            }
            sum += squared_distance_[i];
          }
          block_sums_[begin / rows_per_block] = sum;
        });
    return std::accumulate(block_sums_.begin(), block_sums_.end(), 0.0);
  }

  // The row at which the running sum of squared distances passes `target`.
  std::size_t draw(double target) {
    std::size_t block = 0;
    while (block + 1 < block_sums_.size() && target >= block_sums_[block]) {
      target -= block_sums_[block++];
    }
    std::size_t last_possible = rows_.size();
    for (std::size_t i = block * rows_per_block; i < rows_.size(); ++i) {
      if (squared_distance_[i] > 0.0) {
        last_possible = i;
        if (target < squared_distance_[i]) {
          return i;
        }
        target -= squared_distance_[i];
      }
    }
    // Rounding can move the target past the end; then the last row with a positive probability is
    // taken.
    for (std::size_t i = rows_.size(); last_possible == rows_.size() && i-- > 0;) {
      if (squared_distance_[i] > 0.0) {
        last_possible = i;
      }
    }
    return last_possible;
  }

  // Distances that differ by no more than rounding are ties, which go to the lower row: the two
  // rows of a pair are always equally far from their mean.
  std::size_t nearest_member(std::size_t c) const {
    double smallest = infinity;
    for (std::size_t m = first_member_[c]; m < first_member_[c + 1]; ++m) {
      smallest = std::min(smallest, squared_distance_[members_[m]]);
    }
    std::size_t m = first_member_[c];
    while (squared_distance_[members_[m]] > smallest * (1.0 + tie_tolerance)) {
      ++m;
    }
    return members_[m];
  }

  // Over all rows, to their own centres; in blocks in order. 1 if it is 0.
  [[nodiscard]] double mean_squared_distance() const {
    BlockSum sum;
    for (std::size_t i = 0; i < squared_distance_.size(); ++i) {
      sum.add(i, squared_distance_[i]);
    }
    const double mean = sum.total() / static_cast<double>(squared_distance_.size());
    return mean > 0.0 ? mean : 1.0;
  }

  // What an open row competes by.
  static double value_of(std::size_t row, double squared_distance, double spread,
                         const Terms& terms) {
    return terms.weights.empty() ? -squared_distance
                                 : terms.weights[row] / (squared_distance + spread);
  }
  // The best of n rows, row_at(i) in ascending order, of which value_at(i) tells how good each is;
  // the number of rows if none is open. Ties within rounding go to the lower row.
  template <class RowAt, class ValueAt>
  std::size_t best_of(std::size_t n, const RowAt& row_at, const ValueAt& value_at,
                      const Terms& terms) const {
    double best = -infinity;
    for (std::size_t i = 0; i < n; ++i) {
      if (terms.is_open(row_at(i))) {
        best = std::max(best, value_at(i));
      }
    }
    const double enough = best * (best < 0.0 ? 1.0 + tie_tolerance : 1.0 - tie_tolerance);
    for (std::size_t i = 0; i < n; ++i) {
      if (terms.is_open(row_at(i)) && value_at(i) >= enough) {
        return row_at(i);
      }
    }
    return rows_.size();
  }
  std::size_t best_member(std::size_t c, double spread, const Terms& terms) const {
    const std::size_t first = first_member_[c];
    const auto row_at = [&](std::size_t i) { return members_[first + i]; };
    return best_of(
        first_member_[c + 1] - first, row_at,
        [&](std::size_t i) {
          return value_of(row_at(i), squared_distance_[row_at(i)], spread, terms);
        },
        terms);
  }
  std::size_t best_row(std::size_t c, double spread, const Terms& terms) {
    std::vector<double> values(rows_.size(), -infinity);
    job_.parallel_for(
        rows_.size(), rows_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
          for (std::size_t i = begin; i < end; ++i) {
            if (terms.is_open(i)) {
              const double d = kernels_.squared_distance(rows_.row(i), centre(c), n_columns_);
              values[i] = value_of(i, d, spread, terms);
            }
          }
        });
    return best_of(
        rows_.size(), [](std::size_t i) { return i; }, [&](std::size_t i) { return values[i]; },
        terms);
  }

  static std::size_t first_not(const std::vector<bool>& taken) {
    return static_cast<std::size_t>(std::ranges::find(taken, false) - taken.begin());
  }

  bool fill_empty_clusters() {
    std::vector<std::size_t> size(k_, 0);
    for (const std::size_t c : cluster_) {
      ++size[c];
    }
    bool moved = false;
    for (std::size_t c = 0; c < k_; ++c) {
      if (size[c] != 0) {
        continue;
      }
      job_.check();
      std::size_t furthest = rows_.size();
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (size[cluster_[i]] > 1 &&
            (furthest == rows_.size() || squared_distance_[i] > squared_distance_[furthest])) {
          furthest = i;
        }
      }
      --size[cluster_[furthest]];
      size[c] = 1;
      cluster_[furthest] = c;
      squared_distance_[furthest] = 0.0;
      moved = true;
    }
    return moved;
  }

  // Lists the rows of every cluster in ascending order.
  void group_members() {
    first_member_.assign(k_ + 1, 0);
    for (const std::size_t c : cluster_) {
      ++first_member_[c + 1];
    }
    std::partial_sum(first_member_.begin(), first_member_.end(), first_member_.begin());
    members_.resize(rows_.size());
    std::vector<std::size_t> next(first_member_.begin(), first_member_.end() - 1);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      members_[next[cluster_[i]]++] = i;
    }
  }

  const DistanceMeter<T>& meter_;
  const Rows<T>& rows_;
  const RowKernels<T>& kernels_;
  std::size_t k_;
  std::size_t n_columns_;
  Job& job_;
  std::vector<double> centres_;
  std::vector<std::size_t> cluster_;
  std::vector<double> squared_distance_;
  std::optional<NearestCentre<T>> nearest_;
  std::vector<double> block_sums_;
  std::vector<std::size_t> members_;
  std::vector<std::size_t> first_member_;
};

}  // namespace

Seeding seeding_from_name(std::string_view name) {
  if (name == "kmeans++") return Seeding::plus_plus;
  if (name == "random") return Seeding::random;
  throw InvalidInput("seeding must be one of kmeans++, random; got '" + std::string(name) + "'");
}

template <class T>
Picks kmeans(const Rows<T>& rows, std::size_t k, const KMeansOptions& options, Terms& terms,
             Random& random, Job& job) {
  const DistanceMeter<T> meter(rows, Metric::sqeuclidean, job);
  KMeans<T> state(meter, k, job);
  if (options.seeding == Seeding::plus_plus) {
    state.seed(random);
  } else {
    state.seed_at_random(random);
  }
  bool moving = true;
  for (std::size_t i = 0; i < options.n_iterations && moving; ++i) {
    state.update();
    moving = state.assign();
  }
  return state.representatives(terms);
}

MemoryNeed kmeans_memory(const SelectionSize& size, const KMeansOptions& options) {
  const std::uint64_t n = size.n_rows;
  const std::uint64_t k = size.n_samples;
  // Clusters and distances; the centres.
  const std::uint64_t always = n * (sizeof(std::size_t) + sizeof(double)) +
                               n / rows_per_block * sizeof(double) +
                               k * size.n_columns * sizeof(double);
  const std::uint64_t drawing =
      options.seeding == Seeding::plus_plus ? n / 8 : random_picks_memory(n, k, true);
  const std::uint64_t members = n * sizeof(std::size_t) + 5 * k * sizeof(std::size_t);
  const bool assigns = options.n_iterations > 0 || options.seeding == Seeding::random;
  const std::uint64_t searching = assigns ? nearest_centre_memory(size) : 0;
  const std::uint64_t fitting = assigns ? projection_memory(size) : 0;
  return {always + std::max({drawing, fitting, members + searching}),
          always + std::max(drawing, fitting + members + searching)};
}

#define THINSET_INSTANTIATE(T) \
  template Picks kmeans(const Rows<T>&, std::size_t, const KMeansOptions&, Terms&, Random&, Job&);
THINSET_INSTANTIATE(float)
THINSET_INSTANTIATE(double)
THINSET_INSTANTIATE(Float16)
THINSET_INSTANTIATE(BFloat16)
#undef THINSET_INSTANTIATE

}  // namespace thinset
