#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "bounds/rounding.hpp"
#include "certificates/squares.hpp"
#include "methods/max_sum.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "rows/distance_sums.hpp"
#include "thinset/certificates.hpp"
#include "thinset/objective.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
// Number of rows measured before the next are compared with the k largest sums so far.
constexpr std::size_t rows_per_round = 1024;
// If the bound is this close to the anchors' own sum, better anchors are not searched.
constexpr double good_share = 0.999;
constexpr double infinity = std::numeric_limits<double>::infinity();

double sum_of_largest(std::vector<double> values, std::size_t k) {
  std::ranges::sort(values, std::greater<>());
  return std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(k), 0.0);
}

// The result proved by a set of anchors: f(S) <= bound for any S of the same size, and f(anchors)
// >= sum.
struct Proof {
  double bound;
  double sum;
};

template <class T>
class Anchors {
 public:
  Anchors(const DistanceMeter<T>& meter, std::span<const std::size_t> rows, Job& job)
      : meter_(meter),
        job_(job),
        rows_(rows.begin(), rows.end()),
        k_(static_cast<double>(rows.size())),
        error_(rounding_error(meter.n_columns()) + k_ * 0x1p-51),
        floor_(lost_to_underflow(meter.n_columns())) {}

  [[nodiscard]] Proof prove() {
    switch (meter_.metric()) {
      case Metric::euclidean:
        return from_measured_sums();
      case Metric::sqeuclidean:
        return from_mean();
      case Metric::cosine:
        return from_directions();
    }
    return {infinity, 0.0};
  }

 private:
  template <class Value>
  std::vector<double> for_all_rows(const Value& value) {
    std::vector<double> values(meter_.rows().size());
    job_.parallel_for(values.size(), rows_per_block,
                      [&](std::size_t begin, std::size_t end, unsigned) {
                        for (std::size_t i = begin; i < end; ++i) {
                          values[i] = value(i);
                        }
                      });
    return values;
  }

  // At least the sum over the anchors of the squared distance to each row; lowers `sum_` to at most
  // the sum over the anchors' pairs.
  std::vector<double> squares_to_anchors() {
    std::vector<double> centre(meter_.n_columns(), 0.0);
    Point point;
    double norms = 0.0;
    const std::vector<double> origin(meter_.n_columns(), 0.0);
    for (const std::size_t row : rows_) {
      meter_.read(row, point);
      norms += std::sqrt(row_kernels<double>().squared_distance(point.values.data(), origin.data(),
                                                                origin.size()));
      for (std::size_t j = 0; j < centre.size(); ++j) {
        centre[j] += point.values[j];
      }
    }
    for (double& value : centre) {
      value /= k_;
    }
    const std::vector<double> squares = for_all_rows([&](std::size_t i) {
      return row_kernels<T>().squared_distance(meter_.rows().row(i), centre.data(), centre.size());
    });
    // The centre is the mean up to rounding: the centred anchors add up to at most this length.
    const double off_centre = error_ * (1.0 + error_) * norms + k_ * floor_;
    double spread = 0.0;
    for (const std::size_t row : rows_) {
      spread += squares[row];
    }
    sum_ = k_ * (spread * (1.0 - error_) - k_ * floor_ * floor_) - off_centre * off_centre;
    const double spread_at_most = spread * (1.0 + error_) + k_ * floor_ * floor_;
    std::vector<double> sums = squares;
    for (double& value : sums) {
      const double square = value * (1.0 + error_) + floor_ * floor_;
      value =
          (k_ * square + 2.0 * std::sqrt(square) * off_centre + spread_at_most) * (1.0 + error_);
    }
    return sums;
  }

  Proof from_mean() {
    const double largest = sum_of_largest(squares_to_anchors(), rows_.size());
    return {largest * (1.0 + error_) - sum_, sum_};
  }

  // d = 1 - x.z between directions: s(x) = k - x.V with the sum V of the anchors.
  Proof from_directions() {
    std::vector<double> sum(meter_.n_columns(), 0.0);
    Point point;
    for (const std::size_t row : rows_) {
      meter_.read(row, point);
      for (std::size_t j = 0; j < sum.size(); ++j) {
        sum[j] += point.values[j] / point.norm;
      }
    }
    const std::vector<double> sums = for_all_rows([&](std::size_t i) {
      const T* row = meter_.rows().row(i);
      return k_ - row_kernels<T>().dot(row, sum.data(), sum.size()) / meter_.norm(i);
    });
    const double square = row_kernels<double>().dot(sum.data(), sum.data(), sum.size());
    // Directions have an error of at most error_, and so has every coordinate that adds k of them.
    const double lost = 4.0 * error_ * k_ * k_;
    const double own = 0.5 * (k_ * k_ - square) - lost;
    return {sum_of_largest(sums, rows_.size()) + lost - own, own};
  }

  Proof from_measured_sums() {
    std::vector<double> ceilings = squares_to_anchors();
    for (double& value : ceilings) {
      value = std::sqrt(k_ * value) * (1.0 + error_);
    }
    PickedRows<T> set(meter_, rows_.size());
    for (const std::size_t row : rows_) {
      set.push_back(row);
    }
    std::vector<double> sums(rows_.size());
    for (std::size_t begin = 0; begin < rows_.size(); begin += rows_per_round) {
      const std::size_t n = std::min(rows_per_round, rows_.size() - begin);
      sum_distances(meter_, set, std::span(rows_).subspan(begin, n), std::span(sums).subspan(begin),
                    job_);
      job_.advance(n);
    }
    const double own =
        0.5 * std::accumulate(sums.begin(), sums.end(), 0.0) * (1.0 - error_) - k_ * k_ * floor_;
    keep_distinct(sums, ceilings);
    measure_rest(set, ceilings, sums);
    const double largest = sum_of_largest(std::move(sums), rows_.size());
    return {(largest * (1.0 + error_) + k_ * k_ * floor_) - own, own};
  }

  // Repeated anchors count once among the rows; none of them needs to be measured again.
  void keep_distinct(std::vector<double>& sums, std::vector<double>& ceilings) const {
    std::size_t n_kept = 0;
    for (std::size_t a = 0; a < rows_.size(); ++a) {
      if (ceilings[rows_[a]] != -infinity) {
        ceilings[rows_[a]] = -infinity;
        sums[n_kept++] = sums[a];
      }
    }
    sums.resize(n_kept);
  }

  // Adds the sums of all rows that may be among the k largest, by descending ceiling.
  void measure_rest(const PickedRows<T>& set, const std::vector<double>& ceilings,
                    std::vector<double>& sums) {
    std::vector<std::size_t> order;
    for (std::size_t row = 0; row < ceilings.size(); ++row) {
      if (ceilings[row] != -infinity) {
        order.push_back(row);
      }
    }
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
      return ceilings[a] != ceilings[b] ? ceilings[a] > ceilings[b] : a < b;
    });
    for (std::size_t begin = 0; begin < order.size(); begin += rows_per_round) {
      if (sums.size() >= rows_.size()) {
        const auto kth = sums.begin() + static_cast<std::ptrdiff_t>(rows_.size() - 1);
        std::ranges::nth_element(sums, kth, std::greater<>());
        sums.resize(rows_.size());
        if (ceilings[order[begin]] < sums.back()) {
          return;
        }
      }
      const std::size_t n = std::min(rows_per_round, order.size() - begin);
      const std::size_t before = sums.size();
      sums.resize(before + n);
      sum_distances(meter_, set, std::span(order).subspan(begin, n),
                    std::span(sums).subspan(before), job_);
    }
  }

  const DistanceMeter<T>& meter_;
  Job& job_;
  std::vector<std::size_t> rows_;
  double k_;
  double error_;  // relative, of a sum over the anchors
  double floor_;  // absolute, of a distance
  double sum_ = 0.0;
};

// From the distances to the mean alone.
template <class T>
double bound_by_mean(const DistanceMeter<T>& meter, const ColumnSummary& summary, std::size_t k,
                     Job& job) {
  const auto n = static_cast<double>(k);
  const double squares =
      n * sum_of_largest(squares_from_mean(meter, summary, job), k) * (1.0 + (n + 8.0) * 0x1p-52);
  switch (meter.metric()) {
    case Metric::euclidean:
      return std::sqrt(0.5 * n * (n - 1.0)) * std::sqrt(squares) * (1.0 + 0x1p-50);
    case Metric::cosine:
      return 0.5 * squares;
    case Metric::sqeuclidean:
      break;
  }
  return squares;
}

template <class T>
double bound_of(const Rows<T>& rows, std::span<const std::int64_t> indices, Metric metric,
                Job& job) {
  const ColumnSummary summary = summarise_columns(rows, job);
  if (summary.min == summary.max) {
    return 0.0;
  }
  const DistanceMeter<T> meter(rows, metric, job);
  // The proof of the subset, the greedy picks, and their proof; for euclidean, proofs take long.
  const std::uint64_t units_of_proof = metric == Metric::euclidean ? indices.size() : 0;
  job.set_total(indices.size() + 2 * units_of_proof);
  const double by_mean = bound_by_mean(meter, summary, indices.size(), job);
  const std::vector<std::size_t> own(indices.begin(), indices.end());
  const Proof first = Anchors<T>(meter, own, job).prove();
  if (!std::isfinite(first.bound) || first.sum >= good_share * first.bound) {
    return std::isnan(first.bound) ? by_mean : std::min(first.bound, by_mean);
  }
  const Picks greedy = max_sum(rows, summary, indices.size(), metric, {}, job);
  return std::min({by_mean, first.bound, Anchors<T>(meter, greedy.rows, job).prove().bound});
}

}  // namespace

double upper_bound_of_sum_of_pairwise_distances(const AnyMatrix& embeddings,
                                                std::span<const std::int64_t> indices,
                                                Metric metric, Job& job) {
  check_indices(embeddings, indices, 2, embeddings.n_rows);
  return visit(embeddings,
               [&]<class T>(const Rows<T>& rows) { return bound_of(rows, indices, metric, job); });
}

}  // namespace thinset
