#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "bounds/image_list.hpp"
#include "bounds/projection.hpp"
#include "bounds/rounding.hpp"
#include "methods/max_min.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "thinset/certificates.hpp"
#include "thinset/objective.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 64;
constexpr std::size_t blocks_per_round = 64;
// Average number of pairs kept per row; if there are more, the search ends at a smaller radius.
constexpr std::size_t pairs_per_row = 32;
constexpr int n_rounds_of_weights = 10;
constexpr int n_steps_of_search = 10;
// Points are numbered in 32 bits.
constexpr std::size_t max_points = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t rows_per_search = 16;
constexpr std::size_t rows_per_check = 4096;
// Relative error of the sums of weights.
constexpr double slack = 1e-9;

// A point near a row.
struct Near {
  double rank;
  std::uint32_t point;
};

// All pairs of a row and a point whose ranks are at most limit(), by rows.
template <class T>
class NearPairs {
 public:
  NearPairs(const DistanceMeter<T>& meter, std::span<const std::size_t> points, double limit,
            Job& job)
      : meter_(meter),
        limit_(limit),
        projection_(meter, job),
        images_(projection_.n_coordinates(), points.size()),
        points_(meter, points.size()) {
    Point point;
    Projection::Image image;
    for (const std::size_t row : points) {
      meter.read(row, point);
      projection_.project(point, image);
      images_.push_back(image);
      points_.push_back(row);
    }
    first_.push_back(0);
    collect(job);
  }

  [[nodiscard]] double limit() const { return limit_; }
  [[nodiscard]] std::size_t n_rows() const { return first_.size() - 1; }
  [[nodiscard]] std::span<const Near> of_row(std::size_t row) const {
    return std::span(pairs_).subspan(first_[row], first_[row + 1] - first_[row]);
  }

 private:
  struct alignas(64) Scratch {
    std::vector<Point> points;
    Projection::Image image;
    NearSearch search;
  };

  void collect(Job& job) {
    const std::size_t n = meter_.rows().size();
    std::vector<Scratch> scratch(job.n_threads());
    std::vector<std::vector<Near>> found(rows_per_block * blocks_per_round);
    for (std::size_t start = 0; start < n; start += found.size()) {
      const std::size_t n_now = std::min(found.size(), n - start);
      job.parallel_for(
          n_now, rows_per_search, [&](std::size_t begin, std::size_t end, unsigned thread) {
            find(start + begin, std::span(found).subspan(begin, end - begin), scratch[thread]);
          });
      // In all, as many units as there are points.
      job.advance(points_.size() * (start + n_now) / n - points_.size() * start / n);
      for (std::size_t i = 0; i < n_now; ++i) {
        pairs_.insert(pairs_.end(), found[i].begin(), found[i].end());
        first_.push_back(pairs_.size());
      }
      while (pairs_.size() > pairs_per_row * n && limit_ > 0.0) {
        drop_furthest();
      }
    }
  }

  // Of rows begin, begin + 1, ...
  void find(std::size_t begin, std::span<std::vector<Near>> found, Scratch& scratch) const {
    scratch.points.resize(found.size());
    scratch.search.clear();
    // Values below the next float are at most the limit.
    const double beyond = std::nextafter(limit_, std::numeric_limits<double>::infinity());
    for (std::size_t i = 0; i < found.size(); ++i) {
      meter_.read(begin + i, scratch.points[i]);
      projection_.project(scratch.points[i], scratch.image);
      scratch.search.push_back(scratch.image, projection_.limit(scratch.image, beyond));
    }
    images_.find_near(scratch.search, 0, points_.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      found[i].clear();
      scratch.search.for_each(i, 0, [&](std::size_t point) {
        const double rank = points_.rank(point, scratch.points[i]);
        if (rank <= limit_) {
          found[i].push_back({rank, static_cast<std::uint32_t>(point)});
        }
      });
    }
  }

  // Halves the pairs, or drops all if that leaves too many: many rows may be as far as the median.
  void drop_furthest() {
    std::vector<double> ranks(pairs_.size());
    std::ranges::transform(pairs_, ranks.begin(), [](const Near& near) { return near.rank; });
    const auto middle = ranks.begin() + static_cast<std::ptrdiff_t>(ranks.size() / 2);
    std::ranges::nth_element(ranks, middle);
    limit_ = *middle > 0.0 ? std::nextafter(*middle, 0.0) : 0.0;
    std::size_t n_kept = 0;
    for (std::size_t row = 0; row + 1 < first_.size(); ++row) {
      const std::size_t begin = first_[row];
      first_[row] = n_kept;
      for (std::size_t pair = begin; pair < first_[row + 1]; ++pair) {
        if (pairs_[pair].rank <= limit_) {
          pairs_[n_kept++] = pairs_[pair];
        }
      }
    }
    first_.back() = n_kept;
    pairs_.resize(n_kept);
  }

  const DistanceMeter<T>& meter_;
  double limit_;
  Projection projection_;
  ImageList images_;
  PickedRows<T> points_;
  std::vector<Near> pairs_;
  std::vector<std::size_t> first_;  // per row, the position of its first pair
};

// The sum of weights such that no ball of radius `limit` (a rank) around a row has a weight above
// 1.
template <class T>
double admissible_weight(const NearPairs<T>& pairs, std::size_t n_points, double limit, Job& job) {
  std::vector<double> weights(n_points, 1.0);
  std::vector<double> heaviest(n_points);
  for (int round = 0; round < n_rounds_of_weights; ++round) {
    std::ranges::fill(heaviest, 0.0);
    for (std::size_t row = 0; row < pairs.n_rows(); ++row) {
      if (row % rows_per_check == 0) {
        job.check();
      }
      double ball = 0.0;
      for (const Near& near : pairs.of_row(row)) {
        ball += near.rank <= limit ? weights[near.point] : 0.0;
      }
      for (const Near& near : pairs.of_row(row)) {
        if (near.rank <= limit) {
          heaviest[near.point] = std::max(heaviest[near.point], ball);
        }
      }
    }
    for (std::size_t point = 0; point < n_points; ++point) {
      // A point is in the ball around itself.
      weights[point] /= std::max(heaviest[point], weights[point]);
    }
  }
  double sum = 0.0;
  for (const double weight : weights) {
    sum += weight;
  }
  return sum * (1.0 - slack);
}

// Radii as ranks; points that could be in a ball, given rounding, count as being in it.
template <class T>
double widened(const DistanceMeter<T>& meter, double rank) {
  const double error = rounding_error(meter.n_columns());
  const double floor = lost_to_underflow(meter.n_columns());
  return meter.metric() == Metric::cosine ? rank + error : rank * (1.0 + error) + floor * floor;
}

template <class T>
double bound_of(const Rows<T>& rows, std::size_t k, Metric metric, Job& job) {
  const ColumnSummary summary = summarise_columns(rows, job);
  const DistanceMeter<T> meter(rows, metric, job);
  const std::size_t n_points = std::min({rows.size(), k + (k + 1) / 2, max_points});
  if (n_points <= k) {
    return 0.0;
  }
  // Greedy picks, the pairs of rows and points, and the search for the radius.
  job.set_total(3 * n_points);
  const Picks picks = max_min(rows, summary, n_points, metric, {}, job);
  const double gain = picks.gains[k];
  const double farthest = metric == Metric::euclidean ? gain * gain : gain;
  if (!(farthest > 0.0 && std::isfinite(farthest))) {
    return 0.0;
  }
  const NearPairs<T> pairs(meter, picks.rows, widened(meter, 0.9025 * farthest), job);
  const auto proves = [&](double rank) {
    const double limit = widened(meter, rank);
    return limit <= pairs.limit() &&
           admissible_weight(pairs, n_points, limit, job) > static_cast<double>(k);
  };
  // Half of the distance: k + 1 points of weight 1, no two of them in one ball.
  double low = std::sqrt(0.25 * (1.0 - 0x1p-40));
  double high = 0.95;
  const double error = metric == Metric::cosine ? 4.0 * rounding_error(rows.n_columns()) : 0.0;
  for (int step = 0; step < n_steps_of_search; ++step) {
    const double middle = 0.5 * (low + high);
    (proves(middle * middle * farthest) ? low : high) = middle;
    job.advance(n_points / n_steps_of_search);
  }
  const double rank = low * low * farthest - error;
  return rank > 0.0 ? meter.distance_from_rank(rank) * (1.0 - rounding_error(rows.n_columns()))
                    : 0.0;
}

}  // namespace

double lower_bound_of_covering_radius(const AnyMatrix& embeddings,
                                      std::span<const std::int64_t> indices, Metric metric,
                                      Job& job) {
  check_indices(embeddings, indices, 1, embeddings.n_rows);
  return visit(embeddings, [&]<class T>(const Rows<T>& rows) {
    return bound_of(rows, indices.size(), metric, job);
  });
}

}  // namespace thinset
