#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "bounds/rough_rows.hpp"
#include "bounds/rounding.hpp"
#include "methods/facility_location.hpp"
#include "methods/nearest_medoids.hpp"
#include "methods/reach_lists.hpp"
#include "rows/block_sum.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "rows/loss.hpp"
#include "thinset/certificates.hpp"
#include "thinset/objective.hpp"

namespace thinset {

namespace {

constexpr std::size_t candidates_per_block = 64;
constexpr std::size_t n_steps = 200;
// Steps without a better bound before they get shorter, and by how much.
constexpr std::size_t patience = 10;
constexpr double shortening = 0.6;
constexpr double shortest = 1e-3;
// A bound this close to the cost of the given rows is good enough.
constexpr double good_gap = 5e-4;
// Between the distances to the nearest two medoids: where steps start, and what is tried otherwise.
constexpr double first_share = 0.25;
constexpr double shares[] = {0.0, 0.25, 0.5, 0.75, 1.0};
// Relative error of sums, besides one rounding per term.
constexpr double slack = 1e-9;

template <class T>
class CostBound {
 public:
  CostBound(const DistanceMeter<T>& meter, std::span<const std::size_t> medoids, Job& job)
      : meter_(meter),
        loss_(Loss::distance(meter.metric())),
        job_(job),
        k_(medoids.size()),
        rough_(meter, loss_, job),
        nearest_(meter, loss_, medoids, job),
        is_open_(meter.rows().size(), true),
        lists_(rough_, is_open_, job),
        reach_(meter.rows().size()),
        weights_(meter.rows().size()),
        order_(meter.rows().size()) {
    BlockSum cost;
    for (std::size_t row = 0; row < reach_.size(); ++row) {
      cost.add(row, nearest_.nearest(row));
    }
    cost_ = cost.total();
  }

  double best() {
    if (!rough_.is_usable()) {
      return 0.0;
    }
    job_.set_total(n_steps);
    for (const std::size_t n : {NearestMedoids<T>::n_known, std::size_t{2}}) {
      for (std::size_t row = 0; row < reach_.size(); ++row) {
        reach_[row] = nearest_.known(row, n);
      }
      lists_.list(0, reach_);
      if (lists_.n_listed() == reach_.size()) {
        lists_.measure(meter_, loss_);
        return climb();
      }
    }
    double best = 0.0;
    for (const double share : shares) {
      best = std::max(best, bound_in_turns(values_at(share)));
      job_.advance(n_steps / std::size(shares));
    }
    return best;
  }

 private:
  [[nodiscard]] std::vector<double> values_at(double share) const {
    std::vector<double> values(reach_.size());
    for (std::size_t row = 0; row < values.size(); ++row) {
      const double nearest = nearest_.nearest(row);
      values[row] = nearest + share * (nearest_.second(row) - nearest);
    }
    return values;
  }

  // Subgradient steps towards the cost of the given rows.
  double climb() {
    std::vector<double> values = values_at(first_share);
    std::vector<double> best_values = values;
    std::vector<double> slope(values.size());
    double best = 0.0;
    double length = 1.0;
    std::size_t n_failed = 0;
    for (std::size_t step = 0; step < n_steps && length > shortest; ++step) {
      weigh(values, 0, values.size());
      double bound = bound_of(values);
      if (bound > best) {
        best = bound;
        best_values = values;
        n_failed = 0;
      } else if (++n_failed == patience) {
        length *= shortening;
        n_failed = 0;
        values = best_values;
        weigh(values, 0, values.size());
        bound = bound_of(values);
      }
      const double square = measure_slope(values, slope);
      if (cost_ - best <= good_gap * cost_ || square == 0.0) {
        break;
      }
      const double rate = length * (cost_ - bound) / square;
      for (std::size_t row = 0; row < values.size(); ++row) {
        values[row] = std::clamp(values[row] + rate * slope[row], 0.0, reach_[row]);
      }
      job_.advance(1);
    }
    return best;
  }

  double bound_in_turns(const std::vector<double>& values) {
    const std::size_t n = values.size();
    for (std::size_t first = 0; first < n;) {
      lists_.list(first, values);
      lists_.measure(meter_, loss_);
      const std::size_t n_now = std::min(lists_.n_listed(), n - first);
      weigh(values, first, first + n_now);
      first += n_now;
    }
    return bound_of(values);
  }

  // r of the candidates [first, last), rounded up by less than bound_of() allows for.
  void weigh(const std::vector<double>& values, std::size_t first, std::size_t last) {
    job_.parallel_for(
        last - first, candidates_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
          for (std::size_t candidate = first + begin; candidate < first + end; ++candidate) {
            double weight = 0.0;
            for (const auto& [row, at_least] : lists_[candidate]) {
              weight += std::max(0.0, values[row] - at_least);
            }
            weights_[candidate] = weight;
          }
        });
  }

  // Also puts the k candidates of the largest weights first in order_.
  double bound_of(const std::vector<double>& values) {
    std::iota(order_.begin(), order_.end(), std::uint32_t{0});
    const auto middle = order_.begin() + static_cast<std::ptrdiff_t>(k_);
    std::ranges::nth_element(order_, middle - 1, [&](std::uint32_t a, std::uint32_t b) {
      return weights_[a] != weights_[b] ? weights_[a] > weights_[b] : a < b;
    });
    std::sort(order_.begin(), middle);
    BlockSum all;
    BlockSum largest;
    for (std::size_t row = 0; row < values.size(); ++row) {
      all.add(row, values[row]);
    }
    for (std::size_t place = 0; place < k_; ++place) {
      largest.add(place, weights_[order_[place]]);
    }
    const auto n = static_cast<double>(values.size());
    const double sums = (slack + n * 0x1p-50) * (all.total() + largest.total());
    return all.total() - largest.total() - sums - static_cast<double>(k_) * noise(all.total());
  }

  // At most what a weight lacks because distances are larger than as real numbers.
  [[nodiscard]] double noise(double sum_of_values) const {
    const auto n = static_cast<double>(reach_.size());
    const double lost = lost_to_underflow(meter_.n_columns());
    switch (meter_.metric()) {
      case Metric::cosine:
        return n * error_of_cosine_rank(meter_.n_columns());
      case Metric::euclidean:
        return rounding_error(meter_.n_columns()) * sum_of_values + n * lost;
      case Metric::sqeuclidean:
        break;
    }
    return rounding_error(meter_.n_columns()) * sum_of_values + n * lost * lost;
  }

  // The subgradient of the bound, and its square.
  double measure_slope(const std::vector<double>& values, std::vector<double>& slope) const {
    std::ranges::fill(slope, 1.0);
    for (std::size_t place = 0; place < k_; ++place) {
      for (const auto& [row, at_least] : lists_[order_[place]]) {
        slope[row] -= static_cast<double>(at_least < values[row]);
      }
    }
    double square = 0.0;
    for (const double one : slope) {
      square += one * one;
    }
    return square;
  }

  const DistanceMeter<T>& meter_;
  Loss loss_;
  Job& job_;
  std::size_t k_;
  RoughRows<T> rough_;
  NearestMedoids<T> nearest_;
  std::vector<bool> is_open_;
  ReachLists<T> lists_;
  double cost_ = 0.0;
  std::vector<double> reach_;    // at least every value
  std::vector<double> weights_;  // r of every row
  std::vector<std::uint32_t> order_;
};

template <class T>
double bound_of(const Rows<T>& rows, std::span<const std::int64_t> indices, Metric metric,
                Job& job) {
  const ColumnSummary summary = summarise_columns(rows, job);
  const DistanceMeter<T> meter(rows, metric, job);
  if (indices.size() == 1) {
    job.set_total(1);
    Terms terms;
    const double least =
        -facility_location(rows, summary.mean, 1, metric, {}, {}, terms, job).gains[0];
    const double noise = metric == Metric::cosine ? static_cast<double>(rows.size()) : 0.0;
    const double bound = least * (1.0 - slack) - noise * error_of_cosine_rank(rows.n_columns());
    return std::isfinite(bound) ? std::max(0.0, bound) : 0.0;
  }
  const std::vector<std::size_t> medoids(indices.begin(), indices.end());
  const double bound = CostBound<T>(meter, medoids, job).best();
  return std::isfinite(bound) ? bound : 0.0;
}

}  // namespace

double lower_bound_of_sum_of_nearest_distances(const AnyMatrix& embeddings,
                                               std::span<const std::int64_t> indices, Metric metric,
                                               Job& job) {
  check_indices(embeddings, indices, 1, embeddings.n_rows);
  return visit(embeddings,
               [&]<class T>(const Rows<T>& rows) { return bound_of(rows, indices, metric, job); });
}

}  // namespace thinset
