// Finds rows that are within a distance of others, for near-duplicates.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "bounds/image_list.hpp"
#include "bounds/projection.hpp"
#include "bounds/row_tree.hpp"
#include "rows/distance.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"
#include "thinset/random.hpp"

namespace thinset {

// Rows are compared tile by tile, so that memory does not grow with pairs.
constexpr std::size_t near_rows_per_tile = 16384;
constexpr std::size_t near_rows_per_search = 16;

// Above every rank whose distance is at most the limit, rounding included.
inline double rank_beyond(double distance, Metric metric) {
  const double rank = metric == Metric::euclidean ? distance * distance : distance;
  return rank * (1.0 + 1e-14) + 2.0 * std::numeric_limits<double>::min();
}

// The projection with which finding the near ones among random pairs of rows takes the least time:
// few directions let more pairs pass that must then be measured.
template <class T>
Projection cheapest_projection(const DistanceMeter<T>& meter, double rank, Job& job) {
  constexpr std::size_t n_pairs = 4096;
  constexpr std::size_t most_directions = 128;
  constexpr double nanoseconds_per_coordinate = 0.03;
  const double nanoseconds_per_pair = 50.0 + 0.3 * static_cast<double>(meter.n_columns());
  const std::size_t n = meter.rows().size();
  Projection best(meter, job, Projection::all_coordinates);
  if (meter.n_columns() <= RowTree::most_coordinates || n < n_pairs) {
    return best;
  }
  const auto cost_of = [&](const Projection& projection) {
    Random random(0);
    Point point;
    Projection::Image a;
    Projection::Image b;
    std::size_t n_passed = 0;
    for (std::size_t pair = 0; pair < n_pairs; ++pair) {
      meter.read(random.below(n), point);
      projection.project(point, a);
      meter.read(random.below(n), point);
      projection.project(point, b);
      double square = 0.0;
      for (std::size_t j = 0; j < a.coordinates.size(); ++j) {
        const double difference = static_cast<double>(a.coordinates[j]) - b.coordinates[j];
        square += difference * difference;
      }
      const double reach = projection.reach(b.radius, rank);
      n_passed += static_cast<std::size_t>(square <= reach * reach);
    }
    const double share_passed = static_cast<double>(n_passed) / static_cast<double>(n_pairs);
    return nanoseconds_per_coordinate * static_cast<double>(projection.n_coordinates()) +
           share_passed * nanoseconds_per_pair;
  };
  double least = cost_of(best);
  for (std::size_t n_directions = RowTree::most_coordinates; n_directions <= most_directions;
       n_directions *= 2) {
    Projection projection(meter, job, 0.0, n_directions);
    const double cost = cost_of(projection);
    if (projection.n_coordinates() == n_directions && cost < least) {
      least = cost;
      best = std::move(projection);
    }
  }
  return best;
}

// Finds rows of a tile that are near other rows. Two rows are measured if their projections cannot
// prove that they are apart. Places are those of a RowTree's order.
template <class T>
class NearRows {
 public:
  using Range = RowTree::Run;
  struct alignas(64) Scratch {
    std::vector<Point> points;
    Projection::Image image;
    NearSearch search;
    std::vector<Range> runs;
  };

  // Tiles are of the first n_searched rows.
  NearRows(const Rows<T>& rows, std::size_t n_searched, double distance, Metric metric, Job& job)
      : NearRows(DistanceMeter<T>(rows, metric, job), n_searched, distance, job) {}

  [[nodiscard]] std::size_t size() const { return meter_.rows().size(); }
  [[nodiscard]] Scratch& scratch(unsigned thread) { return scratch_[thread]; }
  // A number among the rows that are searched, which may be some of a matrix.
  [[nodiscard]] std::int64_t row_at(std::size_t place) const { return tree_.order()[place]; }

  void fill_tile(Range tile) {
    begin_ = tile.begin;
    tile_.resize(tile.end - tile.begin);
    job_.parallel_for(tile.end - tile.begin, near_rows_per_search,
                      [&](std::size_t first, std::size_t last, unsigned thread) {
                        Scratch& scratch = scratch_[thread];
                        scratch.points.resize(near_rows_per_search);
                        for (std::size_t i = first; i < last; ++i) {
                          meter_.read(tile.begin + i, scratch.points[0]);
                          projection_.project(scratch.points[0], scratch.image);
                          tile_.set(i, scratch.image);
                        }
                      });
  }

  // body(place, other, point of place) for every place in a range and every other place of the
  // tile, up to `end`, that may hold a near row.
  template <class Body>
  void search(Range places, std::size_t end, Scratch& scratch, const Body& body) const {
    tree_.find_near(places, begin_, end, scratch.runs);
    if (scratch.runs.empty()) {
      return;
    }
    scratch.points.resize(near_rows_per_search);
    scratch.search.clear();
    for (std::size_t place = places.begin; place < places.end; ++place) {
      Point& point = scratch.points[place - places.begin];
      meter_.read(place, point);
      projection_.project(point, scratch.image);
      scratch.search.push_back(scratch.image, projection_.limit(scratch.image, rank_beyond_));
    }
    for (const Range& run : scratch.runs) {
      tile_.find_near(scratch.search, run.begin - begin_, run.end - begin_);
      for (std::size_t place = places.begin; place < places.end; ++place) {
        const std::size_t i = place - places.begin;
        scratch.search.for_each(i, run.begin - begin_, [&](std::size_t number) {
          body(place, begin_ + number, scratch.points[i]);
        });
      }
    }
  }

  [[nodiscard]] bool is_near(std::size_t place, const Point& point) const {
    const double distance = meter_.distance(place, point);
    if (distance == 0.0 && distance_ == 0.0 && meter_.metric() == Metric::sqeuclidean) {
      return meter_.scaled_distance(place, point) == 0.0;  // the square may have vanished
    }
    return distance <= distance_;
  }

 private:
  NearRows(const DistanceMeter<T>& unordered, std::size_t n_searched, double distance, Job& job)
      : job_(job),
        distance_(distance),
        rank_beyond_(rank_beyond(distance, unordered.metric())),
        projection_(cheapest_projection(unordered, rank_beyond_, job)),
        tree_(unordered, projection_, n_searched, rank_beyond_, job),
        originals_(originals(unordered.rows(), tree_.order())),
        meter_(unordered.rows().restricted_to(originals_), unordered.metric(), job),
        tile_(projection_.n_coordinates(), std::min(n_searched, near_rows_per_tile)),
        scratch_(job.n_threads()) {}

  static std::vector<std::int64_t> originals(const Rows<T>& rows,
                                             const std::vector<std::int64_t>& order) {
    std::vector<std::int64_t> numbers(order.size());
    std::ranges::transform(order, numbers.begin(), [&](std::int64_t row) {
      return rows.original(static_cast<std::size_t>(row));
    });
    return numbers;
  }

  Job& job_;
  double distance_;
  double rank_beyond_;
  Projection projection_;
  RowTree tree_;
  std::vector<std::int64_t> originals_;  // the row of the matrix at each place
  DistanceMeter<T> meter_;               // of the rows in the tree's order
  ImageList tile_;
  std::size_t begin_ = 0;  // of the tile
  std::vector<Scratch> scratch_;
};

}  // namespace thinset
