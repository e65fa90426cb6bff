#include "methods/first_pick.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "bounds/rounding.hpp"
#include "methods/exact_order.hpp"
#include "rows/elements.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 1024;
constexpr std::size_t contenders_per_block = 64;
constexpr std::size_t fewest_to_prune = 1024;
// Products with weights below this may underflow, so that their errors are not relative ones.
constexpr double smallest_relative = 0x1p-900;

struct Contender {
  double value;
  std::size_t row;
};

// The point that rows are measured against: the mean, or for cosine its direction, each coordinate
// rounded once. Coordinates of a direction are at most 2^1, so that squares do not overflow.
template <class T>
Point rounded_mean(const DistanceMeter<T>& meter, const ExactMean& mean) {
  std::vector<double> values(mean.rounded.begin(), mean.rounded.end());
  if (meter.metric() == Metric::cosine) {
    double largest = 0.0;
    for (std::size_t j = 0; j < values.size(); ++j) {
      values[j] = mean.sums[j].rounded();
      largest = std::max(largest, std::fabs(values[j]));
    }
    for (double& value : values) {
      value = std::ldexp(value, -std::ilogb(largest));
    }
  }
  Point point;
  meter.read(values, point);
  return point;
}

// What a row's value must reach for the row to be possibly as far as one whose value is `best`.
//
// Euclidean: a computed distance is within a factor 1 +- e and the length of the mean's rounding of
// the exact one; cosine: a rank is within e (docs/algorithms.md).
class Cutoff {
 public:
  template <class T>
  Cutoff(const DistanceMeter<T>& meter, const Point& mean, double largest_weight)
      : is_cosine_(meter.metric() == Metric::cosine), error_(rounding_error(meter.n_columns())) {
    const std::size_t n = meter.n_columns();
    if (is_cosine_) {
      lost_ = 2.0 * (error_ + 0x1p-50) * largest_weight;
      return;
    }
    double square = 0.0;
    for (const double value : mean.values) {
      square += value * value;
    }
    const double of_mean = 0x1p-52 * std::sqrt(square) + lost_to_underflow(n);
    lost_ = 2.0 * of_mean * std::sqrt(largest_weight);
  }

  [[nodiscard]] double of(double best) const {
    if (is_cosine_) {
      return best - lost_;
    }
    if (best < smallest_relative) {
      return 0.0;
    }
    const double distance = std::sqrt(best) * (1.0 - 2.0 * (error_ + 0x1p-50)) - lost_;
    return distance > 0.0 ? distance * distance * (1.0 - 0x1p-50) : 0.0;
  }

 private:
  bool is_cosine_;
  double error_;
  double lost_ = 0.0;
};

// The contenders among the rows that one thread looks at.
class alignas(64) Contenders {
 public:
  void offer(double value, std::size_t row, const Cutoff& cutoff) {
    if (value < limit_) {
      return;
    }
    if (value > best_) {
      best_ = value;
      limit_ = cutoff.of(value);
    }
    if (contenders_.size() >= n_to_prune_) {
      prune(limit_);
      n_to_prune_ = std::max(fewest_to_prune, 2 * contenders_.size());
    }
    contenders_.push_back({value, row});
  }
  void prune(double limit) {
    std::erase_if(contenders_, [&](const Contender& other) { return other.value < limit; });
  }

  [[nodiscard]] double best() const { return best_; }
  [[nodiscard]] const std::vector<Contender>& all() const { return contenders_; }

 private:
  double best_ = -std::numeric_limits<double>::infinity();
  double limit_ = -std::numeric_limits<double>::infinity();
  std::size_t n_to_prune_ = fewest_to_prune;
  std::vector<Contender> contenders_;
};

// What multiplies the rank of a row.
double weight_of_rank(const Terms& terms, Metric metric, std::size_t row) {
  const double weight = terms.weight(row);
  return metric == Metric::euclidean ? weight * weight : weight;
}

// Rows that may be the furthest, ascending.
template <class T>
std::vector<std::size_t> rows_that_may_be_furthest(const DistanceMeter<T>& meter,
                                                   const ExactMean& mean, const Terms& terms,
                                                   Job& job) {
  const Point point = rounded_mean(meter, mean);
  double largest_weight = terms.weights.empty() ? 1.0 : 0.0;
  for (std::size_t i = 0; i < terms.weights.size(); ++i) {
    largest_weight = std::max(largest_weight, weight_of_rank(terms, meter.metric(), i));
  }
  const Cutoff cutoff(meter, point, largest_weight);
  std::vector<Contenders> threads(job.n_threads());
  const bool is_plain = !terms.limits && terms.weights.empty();
  job.parallel_for(meter.rows().size(), rows_per_block,
                   [&](std::size_t begin, std::size_t end, unsigned thread) {
                     Contenders& mine = threads[thread];
                     for (std::size_t i = begin; i < end; ++i) {
                       if (is_plain) {
                         mine.offer(meter.rank(i, point), i, cutoff);
                       } else if (terms.is_open(i)) {
                         const double weight = weight_of_rank(terms, meter.metric(), i);
                         mine.offer(meter.rank(i, point) * weight, i, cutoff);
                       }
                     }
                   });
  double limit = -std::numeric_limits<double>::infinity();
  for (const Contenders& mine : threads) {
    limit = std::max(limit, cutoff.of(mine.best()));
  }
  std::vector<std::size_t> rows;
  for (Contenders& mine : threads) {
    mine.prune(limit);
    for (const Contender& contender : mine.all()) {
      rows.push_back(contender.row);
    }
  }
  std::ranges::sort(rows);
  return rows;
}

template <class T>
std::size_t furthest_of(const std::vector<std::size_t>& rows, const DistanceMeter<T>& meter,
                        const ExactMean& mean, const Terms& terms, Job& job) {
  using Key = ExactOrder::Key;
  const ExactOrder order(meter.metric(), mean.sums, mean.n);
  struct Best {
    std::size_t row;
    Key key;
  };
  const std::size_t n_blocks = (rows.size() + contenders_per_block - 1) / contenders_per_block;
  std::vector<std::optional<Best>> bests(n_blocks);
  job.parallel_for(
      rows.size(), contenders_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
        std::optional<Best>& best = bests[begin / contenders_per_block];
        Point point;
        Point point_of_best;
        for (std::size_t i = begin; i < end; ++i) {
          const double weight = weight_of_rank(terms, meter.metric(), rows[i]);
          meter.read(rows[i], point);
          const bool is_same = best && point.values == point_of_best.values &&
                               weight == weight_of_rank(terms, meter.metric(), best->row);
          if (is_same) {
            continue;
          }
          Key key = order.key(point.values, weight);
          if (!best || order.is_further(key, best->key)) {
            best = Best{rows[i], std::move(key)};
            std::swap(point, point_of_best);
          }
        }
      });
  std::size_t winner = 0;
  for (std::size_t b = 1; b < n_blocks; ++b) {
    if (order.is_further(bests[b]->key, bests[winner]->key)) {
      winner = b;
    }
  }
  return bests[winner]->row;
}

}  // namespace

template <class T>
std::size_t first_pick(const DistanceMeter<T>& meter, const ExactMean& mean, const Terms& terms,
                       Job& job) {
  const std::size_t n = meter.rows().size();
  const auto is_zero = [](const ExactSum& sum) { return sum.rounded() == 0.0; };
  if (meter.metric() == Metric::cosine && std::ranges::all_of(mean.sums, is_zero)) {
    std::size_t first = 0;
    while (first < n && !terms.is_open(first)) {
      ++first;
    }
    return first;
  }
  const std::vector<std::size_t> rows = rows_that_may_be_furthest(meter, mean, terms, job);
  if (rows.empty()) {
    return n;
  }
  return rows.size() == 1 ? rows.front() : furthest_of(rows, meter, mean, terms, job);
}

#define THINSET_INSTANTIATE(T) \
  template std::size_t first_pick(const DistanceMeter<T>&, const ExactMean&, const Terms&, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
