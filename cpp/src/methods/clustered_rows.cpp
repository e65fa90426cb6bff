#include "methods/clustered_rows.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "methods/seed_weights.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
constexpr std::size_t rows_per_search = 1024;
constexpr std::size_t rows_per_sum = 64;  // what sum_columns takes
constexpr std::size_t columns_per_strip = 16;
constexpr std::size_t columns_per_task = 64;
constexpr std::size_t changes_at_once = 65536;  // between checks for interrupts
// With more changes, sums are added up again.
constexpr std::size_t rows_per_change = 8;
// Rows are copied in half precision once there will be more seeds, probably.
constexpr std::size_t seeds_before_halves = 8;
constexpr double infinity = std::numeric_limits<double>::infinity();

struct alignas(64) ThreadLargest {
  double value = 0.0;
};

// At least (d + off)^2 for squares d^2: for any a > 0, that is at most d^2 (1 + off / a) + off (a +
// off), which is least where a is d.
struct SquareRaised {
  double factor = 1.0;
  double term = 0.0;

  static SquareRaised by(double off, std::span<const double> squares) {
    if (off == 0.0) {
      return {};
    }
    const double a = std::sqrt(std::ranges::max(squares));
    return {a > 0.0 ? 1.0 + off / a : 1.0, off * (a + off)};
  }
  [[nodiscard]] double of(double square) const { return square * factor + term; }
};

// A point with float32 values alone; with none if one of them is not exact.
Point in_floats(std::span<const double> values) {
  Point point;
  for (const double value : values) {
    const auto rounded = static_cast<float>(value);
    if (static_cast<double>(rounded) != value) {
      return {};
    }
    point.floats.push_back(rounded);
  }
  return point;
}

}  // namespace

template <class T>
ClusteredRows<T>::ClusteredRows(const Rows<T>& rows, Job& job)
    : meter_(rows, Metric::sqeuclidean, job),
      rough_(meter_),
      blocks_(meter_, rough_),
      kernels_(row_kernels<T>()),
      n_columns_(rows.n_columns()),
      cluster_(rows.size(), 0),
      squared_distance_(rows.size(), infinity) {}

// body(begin, end) before the rows of a block are weighed.
template <class T>
template <class Body>
auto ClusteredRows<T>::weigh_in_blocks(double scale, Job& job, const Body& body) -> Weights {
  scale_ = scale;
  block_totals_.assign((rows().size() + rows_per_block - 1) / rows_per_block, 0);
  std::vector<ThreadLargest> largest(job.n_threads());
  job.parallel_for(rows().size(), rows_per_block,
                   [&](std::size_t begin, std::size_t end, unsigned thread) {
                     std::int64_t total = 0;
                     double largest_here = largest[thread].value;
                     body(begin, end);
                     for (std::size_t i = begin; i < end; ++i) {
                       total += seed_weight(squared_distance_[i], scale);
                       largest_here = std::max(largest_here, squared_distance_[i]);
                     }
                     block_totals_[begin / rows_per_block] = total;
                     largest[thread].value = largest_here;
                   });
  Weights weights;
  weights.total = total_weight();
  for (const ThreadLargest& of_thread : largest) {
    weights.largest = std::max(weights.largest, of_thread.value);
  }
  return weights;
}

template <class T>
auto ClusteredRows<T>::lower(std::size_t centre, std::span<const double> point, double scale,
                             Job& job) -> Weights {
  if (centre == 0) {
    std::ranges::fill(cluster_, std::size_t{0});
    std::ranges::fill(squared_distance_, infinity);
    centres_.clear();
  }
  nearest_.reset();
  is_measured_ = false;
  sums_ = {};
  centres_.insert(centres_.end(), point.begin(), point.end());
  n_centres_ = centre + 1;
  // Once there are centres, most rows are certainly not nearer to a new one.
  const Point screen = centre > 0 && rough_.is_usable() ? in_floats(point) : Point{};
  if (!screen.floats.empty()) {
    blocks_.fill(centre >= seeds_before_halves, job);
  }
  return weigh_in_blocks(scale, job, [&](std::size_t begin, std::size_t end) {
    std::array<float, rows_per_block> squares{};
    double off = 0.0;
    if (!screen.floats.empty()) {
      blocks_.measure(begin, end, screen, squares.data());
      off = blocks_.error(begin, end);
    }
    // A point that is at least d + off from what was measured is at least d from the row.
    const auto first = squared_distance_.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto raised = SquareRaised::by(off, std::span(first, end - begin));
    for (std::size_t i = begin; i < end; ++i) {
      if (rough_.is_at_least(squares[i - begin], raised.of(squared_distance_[i]))) {
        continue;
      }
      const double d = kernels_.squared_distance(rows().row(i), point.data(), n_columns_);
      if (d < squared_distance_[i]) {
        squared_distance_[i] = d;
        cluster_[i] = centre;
      }
    }
  });
}

template <class T>
std::int64_t ClusteredRows<T>::weigh(double scale, Job& job) {
  return weigh_in_blocks(scale, job, [](std::size_t, std::size_t) {}).total;
}

template <class T>
std::size_t ClusteredRows<T>::draw(std::int64_t target) const {
  std::size_t block = 0;
  while (target >= block_totals_[block]) {
    target -= block_totals_[block++];
  }
  std::size_t row = block * rows_per_block;
  for (;; ++row) {
    const std::int64_t weight = seed_weight(squared_distance_[row], scale_);
    if (target < weight) {
      return row;
    }
    target -= weight;
  }
}

// Whether each of the new centres is what it was when the distances to it were measured.
template <class T>
std::vector<char> ClusteredRows<T>::unmoved(const std::vector<double>& centres) const {
  std::vector<char> are_equal(centres.size() / n_columns_, 0);
  const bool is_comparable = is_measured_ && centres.size() == centres_.size();
  for (std::size_t c = 0; is_comparable && c < are_equal.size(); ++c) {
    const auto first = static_cast<std::ptrdiff_t>(c * n_columns_);
    const auto last = first + static_cast<std::ptrdiff_t>(n_columns_);
    are_equal[c] = static_cast<char>(
        std::equal(centres.begin() + first, centres.begin() + last, centres_.begin() + first));
  }
  return are_equal;
}

template <class T>
bool ClusteredRows<T>::assign(std::vector<double> centres, Job& job) {
  n_centres_ = centres.size() / n_columns_;
  const std::vector<char> has_stayed = unmoved(centres);
  is_measured_ = false;
  centres_ = std::move(centres);
  if (rows().size() == 0) {
    return false;
  }
  const bool is_narrow =
      NearbyCentres<T>::is_for({rows().size(), n_columns_, n_centres_, sizeof(T)});
  const bool has_changed =
      is_narrow ? assign_by_cluster(has_stayed, job) : assign_in_order(has_stayed, job);
  is_measured_ = true;
  return has_changed;
}

template <class T>
bool ClusteredRows<T>::assign_in_order(const std::vector<char>& has_stayed, Job& job) {
  // What an interrupted call has left is incomplete.
  std::unique_ptr<NearestCentre<T>> nearest = std::move(nearest_);
  if (!nearest || nearest->n_centres() != n_centres_) {
    nearest = std::make_unique<NearestCentre<T>>(meter_, centres_, job);
  }
  nearest->take_in_centres(job);
  std::vector<char> changed(job.n_threads(), 0);
  job.parallel_for(rows().size(), NearestCentre<T>::rows_at_once,
                   [&](std::size_t begin, std::size_t end, unsigned thread) {
                     std::vector<FoundCentre> found;
                     for (std::size_t i = begin; i < end; ++i) {
                       found.push_back(own(i, has_stayed));
                     }
                     nearest->find(begin, found, thread);
                     for (std::size_t i = begin; i < end; ++i) {
                       changed[thread] |= static_cast<char>(take(i, found[i - begin]));
                     }
                   });
  nearest_ = std::move(nearest);
  return std::ranges::any_of(changed, [](char c) { return c != 0; });
}

template <class T>
bool ClusteredRows<T>::assign_by_cluster(const std::vector<char>& has_stayed, Job& job) {
  constexpr std::size_t at_once = NearbyCentres<T>::rows_at_once;
  nearest_.reset();
  const Members members = this->members(n_centres_);
  NearbyCentres<T> nearby(meter_, centres_, job);
  std::vector<char> changed(job.n_threads(), 0);
  job.parallel_for(
      rows().size(), rows_per_search, [&](std::size_t begin, std::size_t end, unsigned thread) {
        const std::span<const std::size_t> order(members.rows);
        std::vector<FoundCentre> found;
        for (std::size_t first = begin; first < end; first += found.size()) {
          const std::size_t cluster = cluster_[order[first]];
          const std::size_t last = std::min({members.first[cluster + 1], end, first + at_once});
          const std::span<const std::size_t> some = order.subspan(first, last - first);
          found.clear();
          for (const std::size_t row : some) {
            found.push_back(own(row, has_stayed));
          }
          nearby.find(some, found, thread);
          for (std::size_t i = 0; i < some.size(); ++i) {
            changed[thread] |= static_cast<char>(take(some[i], found[i]));
          }
        }
      });
  return std::ranges::any_of(changed, [](char c) { return c != 0; });
}

// Few rows change their cluster, so the previous centre is the best first guess.
template <class T>
FoundCentre ClusteredRows<T>::own(std::size_t row, const std::vector<char>& has_stayed) const {
  const std::size_t c = cluster_[row];
  return {c, has_stayed[c] ? squared_distance_[row] : squared_distance(row, c)};
}

// Returns whether the row changes its cluster.
template <class T>
bool ClusteredRows<T>::take(std::size_t row, const FoundCentre& found) {
  squared_distance_[row] = found.squared_distance;
  return std::exchange(cluster_[row], found.centre) != found.centre;
}

template <class T>
std::vector<std::int64_t> ClusteredRows<T>::sizes(std::size_t n_centres) const {
  std::vector<std::int64_t> sizes(n_centres, 0);
  for (const std::size_t c : cluster_) {
    ++sizes[c];
  }
  return sizes;
}

template <class T>
std::size_t ClusteredRows<T>::furthest(std::span<const std::int64_t> sizes, Job& job) const {
  job.check();
  std::size_t furthest = rows().size();
  for (std::size_t i = 0; i < rows().size(); ++i) {
    if (sizes[cluster_[i]] > 1 &&
        (furthest == rows().size() || squared_distance_[i] > squared_distance_[furthest])) {
      furthest = i;
    }
  }
  return furthest;
}

template <class T>
void ClusteredRows<T>::move(std::size_t row, std::size_t cluster) {
  cluster_[row] = cluster;
  squared_distance_[row] = 0.0;
  is_measured_ = false;
  if (nearest_) {
    nearest_->forget(row);
  }
}

template <class T>
std::vector<double> ClusteredRows<T>::sums(std::size_t n_centres,
                                           const std::vector<SumSplit>& splits, Job& job) {
  Splits constants;
  for (const SumSplit& split : splits) {
    constants.high.push_back(split.high);
    constants.low.push_back(split.low);
  }
  // Set again at the end: what an interrupted call has left is incomplete.
  const Splits last = std::exchange(sums_splits_, {});
  const bool are_known = sums_.size() == 2 * n_centres * n_columns_ && constants == last;
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; are_known && i < rows().size(); ++i) {
    if (cluster_[i] != summed_cluster_[i]) {
      changed.push_back(i);
    }
  }
  if (are_known && changed.size() <= rows().size() / rows_per_change) {
    move_in_sums(changed, constants, job);
  } else {
    add_up(n_centres, constants, job);
  }
  summed_cluster_ = cluster_;
  sums_splits_ = std::move(constants);
  return sums_;
}

template <class T>
void ClusteredRows<T>::add_up(std::size_t n_centres, const Splits& splits, Job& job) {
  const Members members = this->members(n_centres);
  // Whatever their size: the splits are for the largest.
  const std::vector<double> limit(n_columns_, infinity);
  const double* const high = splits.high.data();
  const double* const low = splits.low.data();
  sums_.assign(2 * n_centres * n_columns_, 0.0);
  job.parallel_for(n_centres, 1, [&](std::size_t begin, std::size_t end, unsigned) {
    std::vector<double> min(n_columns_);
    std::vector<double> max(n_columns_);
    std::vector<std::size_t> failed(n_columns_);
    std::array<const T*, rows_per_sum> batch;
    for (std::size_t c = begin; c < end; ++c) {
      double* const of_cluster = sums_.data() + 2 * c * n_columns_;
      const ColumnTotals totals{
          high, low, limit.data(), of_cluster, of_cluster + n_columns_, min.data(), max.data()};
      for (std::size_t m = members.first[c]; m < members.first[c + 1]; m += rows_per_sum) {
        const std::size_t n = std::min(rows_per_sum, members.first[c + 1] - m);
        for (std::size_t i = 0; i < n; ++i) {
          batch[i] = rows().row(members.rows[m + i]);
        }
        const std::size_t n_failed =
            kernels_.sum_columns(batch.data(), n, n_columns_, totals, failed.data());
        // Strips of columns with digits that neither part holds: these are dropped.
        for (std::size_t f = 0; f < n_failed; ++f) {
          const std::size_t j = failed[f];
          for (std::size_t i = 0; i < n; ++i) {
            kernels_.add_split(batch[i] + j, std::min(columns_per_strip, n_columns_ - j), high + j,
                               low + j, totals.high + j, totals.low + j);
          }
        }
      }
    }
  });
}

// Sums are exact, so that moving a part from one to another leaves what adding up would give.
template <class T>
void ClusteredRows<T>::move_in_sums(const std::vector<std::size_t>& changed, const Splits& splits,
                                    Job& job) {
  const double* const high = splits.high.data();
  const double* const low = splits.low.data();
  for (std::size_t first = 0; first < changed.size(); first += changes_at_once) {
    const std::span<const std::size_t> some =
        std::span(changed).subspan(first, std::min(changes_at_once, changed.size() - first));
    job.parallel_for(n_columns_, columns_per_task,
                     [&](std::size_t begin, std::size_t end, unsigned) {
                       for (const std::size_t row : some) {
                         double* const from = sums_.data() + 2 * summed_cluster_[row] * n_columns_;
                         double* const to = sums_.data() + 2 * cluster_[row] * n_columns_;
                         kernels_.move_split(rows().row(row) + begin, end - begin, high + begin,
                                             low + begin, from + begin, from + n_columns_ + begin,
                                             to + begin, to + n_columns_ + begin);
                       }
                     });
  }
}

template <class T>
std::vector<double> ClusteredRows<T>::smallest_distances(std::size_t n_centres) const {
  std::vector<double> smallest(n_centres, infinity);
  for (std::size_t i = 0; i < rows().size(); ++i) {
    smallest[cluster_[i]] = std::min(smallest[cluster_[i]], squared_distance_[i]);
  }
  return smallest;
}

template <class T>
std::vector<std::size_t> ClusteredRows<T>::first_within(std::span<const double> limits) const {
  std::vector<std::size_t> first(limits.size(), rows().size());
  for (std::size_t i = rows().size(); i-- > 0;) {
    if (squared_distance_[i] <= limits[cluster_[i]]) {
      first[cluster_[i]] = i;
    }
  }
  return first;
}

template <class T>
auto ClusteredRows<T>::members(std::size_t n_centres) const -> Members {
  Members members;
  members.first.assign(n_centres + 1, 0);
  for (const std::size_t c : cluster_) {
    ++members.first[c + 1];
  }
  std::partial_sum(members.first.begin(), members.first.end(), members.first.begin());
  members.rows.resize(rows().size());
  std::vector<std::size_t> next(members.first.begin(), members.first.end() - 1);
  for (std::size_t i = 0; i < rows().size(); ++i) {
    members.rows[next[cluster_[i]]++] = i;
  }
  return members;
}

template class ClusteredRows<float>;
template class ClusteredRows<double>;
template class ClusteredRows<Float16>;
template class ClusteredRows<BFloat16>;

}  // namespace thinset
