#include "thinset/near_duplicates.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "bounds/image_list.hpp"
#include "bounds/projection.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

// Rows are compared tile by tile, so that memory does not grow with pairs.
constexpr std::size_t rows_per_tile = 16384;
constexpr std::size_t rows_per_round = 512;
constexpr std::size_t rows_per_search = 16;

// Groups of rows, each identified by its lowest row.
class Groups {
 public:
  explicit Groups(std::size_t n_rows) : lower_(n_rows) {
    std::iota(lower_.begin(), lower_.end(), std::int64_t{0});
  }

  // Changes nothing, so that threads may call it between two rounds of joining.
  [[nodiscard]] std::int64_t lowest(std::int64_t row) const {
    while (lower_[index(row)] != row) {
      row = lower_[index(row)];
    }
    return row;
  }

  void join(std::int64_t a, std::int64_t b) {
    a = shortened(a);
    b = shortened(b);
    lower_[index(std::max(a, b))] = std::min(a, b);
  }

  // Links every row directly to the lowest of its group.
  void settle() {
    for (std::size_t row = 0; row < lower_.size(); ++row) {
      lower_[row] = lower_[index(lower_[row])];  // lower rows are already final
    }
  }

  [[nodiscard]] std::vector<std::int64_t> take() { return std::move(lower_); }

 private:
  static std::size_t index(std::int64_t row) { return static_cast<std::size_t>(row); }

  std::int64_t shortened(std::int64_t row) {
    const std::int64_t root = lowest(row);
    while (lower_[index(row)] != root) {
      row = std::exchange(lower_[index(row)], root);
    }
    return root;
  }

  std::vector<std::int64_t> lower_;
};

// Two rows are measured if their projections cannot prove that they are apart.
template <class T>
class Linker {
 public:
  Linker(const Rows<T>& rows, double distance, Metric metric, Job& job)
      : job_(job),
        meter_(rows, metric, job),
        projection_(meter_, job),
        distance_(distance),
        rank_beyond_(metric == Metric::euclidean ? beyond(distance * distance) : beyond(distance)),
        groups_(rows.size()),
        tile_(projection_.n_coordinates(), std::min(rows.size(), rows_per_tile)),
        found_(rows_per_round),
        scratch_(job.n_threads()) {}

  std::vector<std::int64_t> run() {
    const std::size_t n = meter_.rows().size();
    const std::size_t n_tiles = (n + rows_per_tile - 1) / rows_per_tile;
    job_.set_total(n_tiles * n - rows_per_tile * (n_tiles * (n_tiles - 1) / 2));
    for (std::size_t begin = 0; begin < n; begin += rows_per_tile) {
      const std::size_t end = std::min(begin + rows_per_tile, n);
      fill_tile(begin, end);
      for (std::size_t from = begin; from < n; from += rows_per_round) {
        link({from, std::min(from + rows_per_round, n)}, {begin, end});
      }
    }
    groups_.settle();
    return groups_.take();
  }

 private:
  struct Range {
    std::size_t begin;
    std::size_t end;
  };
  struct alignas(64) Scratch {
    std::vector<Point> points;
    Projection::Image image;
    NearSearch search;
  };

  [[nodiscard]] bool is_near(std::size_t row, const Point& point) const {
    const double distance = meter_.distance(row, point);
    if (distance == 0.0 && distance_ == 0.0 && meter_.metric() == Metric::sqeuclidean) {
      return meter_.scaled_distance(row, point) == 0.0;  // the square may have vanished
    }
    return distance <= distance_;
  }

  // Above every rank whose distance is at most the limit, rounding included.
  static double beyond(double rank) {
    return rank * (1.0 + 1e-14) + 2.0 * std::numeric_limits<double>::min();
  }

  void fill_tile(std::size_t begin, std::size_t end) {
    tile_.resize(end - begin);
    job_.parallel_for(end - begin, rows_per_search,
                      [&](std::size_t first, std::size_t last, unsigned thread) {
                        Scratch& scratch = scratch_[thread];
                        scratch.points.resize(rows_per_search);
                        for (std::size_t i = first; i < last; ++i) {
                          meter_.read(begin + i, scratch.points[0]);
                          projection_.project(scratch.points[0], scratch.image);
                          tile_.set(i, scratch.image);
                        }
                      });
  }

  // Links some rows with earlier rows of the tile. Groups are joined only between loops, so that
  // the threads' view of them does not depend on their number.
  void link(Range rows, Range tile) {
    job_.parallel_for(rows.end - rows.begin, rows_per_search,
                      [&](std::size_t first, std::size_t last, unsigned thread) {
                        find({rows.begin + first, rows.begin + last}, tile,
                             std::span(found_).subspan(first, last - first), scratch_[thread]);
                      });
    for (std::size_t i = 0; i < rows.end - rows.begin; ++i) {
      for (const std::int64_t other : found_[i]) {
        groups_.join(static_cast<std::int64_t>(rows.begin + i), other);
      }
    }
    job_.advance(rows.end - rows.begin);
  }

  void find(Range rows, Range tile, std::span<std::vector<std::int64_t>> found,
            Scratch& scratch) const {
    scratch.points.resize(rows_per_search);
    scratch.search.clear();
    for (std::size_t i = 0; i < found.size(); ++i) {
      meter_.read(rows.begin + i, scratch.points[i]);
      projection_.project(scratch.points[i], scratch.image);
      scratch.search.push_back(scratch.image, projection_.limit(scratch.image, rank_beyond_));
    }
    tile_.find_near(scratch.search, 0, std::min(tile.end, rows.end) - tile.begin);
    for (std::size_t i = 0; i < found.size(); ++i) {
      found[i].clear();
      const std::size_t row = rows.begin + i;
      const std::int64_t group = groups_.lowest(static_cast<std::int64_t>(row));
      scratch.search.for_each(i, 0, [&](std::size_t number) {
        const std::size_t other = tile.begin + number;
        if (other < row && groups_.lowest(static_cast<std::int64_t>(other)) != group &&
            is_near(other, scratch.points[i])) {
          found[i].push_back(static_cast<std::int64_t>(other));
        }
      });
    }
  }

  Job& job_;
  DistanceMeter<T> meter_;
  Projection projection_;
  double distance_;
  double rank_beyond_;
  Groups groups_;
  ImageList tile_;
  std::vector<std::vector<std::int64_t>>
      found_;  // per row of a round, the rows that it is linked to
  std::vector<Scratch> scratch_;
};

}  // namespace

std::vector<std::int64_t> group_near_duplicates(const AnyMatrix& embeddings, double distance,
                                                Metric metric, Job& job) {
  if (!(distance >= 0.0)) {
    throw InvalidInput("distance must be at least 0, got " + std::to_string(distance));
  }
  if (embeddings.n_rows == 0 || embeddings.n_columns == 0) {
    throw InvalidInput("embeddings must have at least one row and one column");
  }
  return visit(embeddings, [&]<class T>(const Rows<T>& rows) {
    summarise_columns(rows, job);  // refuses values that are not finite
    return Linker<T>(rows, distance, metric, job).run();
  });
}

}  // namespace thinset
