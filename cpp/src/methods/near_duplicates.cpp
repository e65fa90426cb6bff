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

struct Range {
  std::size_t begin;
  std::size_t end;
};

// Finds rows of a tile that are near other rows. Two rows are measured if their projections cannot
// prove that they are apart.
template <class T>
class NearRows {
 public:
  struct alignas(64) Scratch {
    std::vector<Point> points;
    Projection::Image image;
    NearSearch search;
  };

  NearRows(const Rows<T>& rows, double distance, Metric metric, Job& job)
      : job_(job),
        meter_(rows, metric, job),
        projection_(meter_, job),
        distance_(distance),
        rank_beyond_(metric == Metric::euclidean ? beyond(distance * distance) : beyond(distance)),
        tile_(projection_.n_coordinates(), std::min(rows.size(), rows_per_tile)),
        scratch_(job.n_threads()) {}

  [[nodiscard]] std::size_t size() const { return meter_.rows().size(); }
  [[nodiscard]] Scratch& scratch(unsigned thread) { return scratch_[thread]; }

  void fill_tile(Range tile) {
    tile_.resize(tile.end - tile.begin);
    job_.parallel_for(tile.end - tile.begin, rows_per_search,
                      [&](std::size_t first, std::size_t last, unsigned thread) {
                        Scratch& scratch = scratch_[thread];
                        scratch.points.resize(rows_per_search);
                        for (std::size_t i = first; i < last; ++i) {
                          meter_.read(tile.begin + i, scratch.points[0]);
                          projection_.project(scratch.points[0], scratch.image);
                          tile_.set(i, scratch.image);
                        }
                      });
  }

  // Searches the first rows of the tile, up to `end`, for rows near those of a range.
  void search(Range rows, Range tile, std::size_t end, Scratch& scratch) const {
    scratch.points.resize(rows_per_search);
    scratch.search.clear();
    for (std::size_t row = rows.begin; row < rows.end; ++row) {
      Point& point = scratch.points[row - rows.begin];
      meter_.read(row, point);
      projection_.project(point, scratch.image);
      scratch.search.push_back(scratch.image, projection_.limit(scratch.image, rank_beyond_));
    }
    tile_.find_near(scratch.search, 0, end - tile.begin);
  }

  [[nodiscard]] bool is_near(std::size_t row, const Point& point) const {
    const double distance = meter_.distance(row, point);
    if (distance == 0.0 && distance_ == 0.0 && meter_.metric() == Metric::sqeuclidean) {
      return meter_.scaled_distance(row, point) == 0.0;  // the square may have vanished
    }
    return distance <= distance_;
  }

 private:
  // Above every rank whose distance is at most the limit, rounding included.
  static double beyond(double rank) {
    return rank * (1.0 + 1e-14) + 2.0 * std::numeric_limits<double>::min();
  }

  Job& job_;
  DistanceMeter<T> meter_;
  Projection projection_;
  double distance_;
  double rank_beyond_;
  ImageList tile_;
  std::vector<Scratch> scratch_;
};

template <class T>
class Linker {
 public:
  Linker(const Rows<T>& rows, double distance, Metric metric, Job& job)
      : job_(job),
        near_(rows, distance, metric, job),
        groups_(rows.size()),
        found_(rows_per_round) {}

  std::vector<std::int64_t> run() {
    const std::size_t n = near_.size();
    const std::size_t n_tiles = (n + rows_per_tile - 1) / rows_per_tile;
    job_.set_total(n_tiles * n - rows_per_tile * (n_tiles * (n_tiles - 1) / 2));
    for (std::size_t begin = 0; begin < n; begin += rows_per_tile) {
      const Range tile{begin, std::min(begin + rows_per_tile, n)};
      near_.fill_tile(tile);
      for (std::size_t from = begin; from < n; from += rows_per_round) {
        link({from, std::min(from + rows_per_round, n)}, tile);
      }
    }
    groups_.settle();
    return groups_.take();
  }

 private:
  using Scratch = typename NearRows<T>::Scratch;

  // Links some rows with earlier rows of the tile. Groups are joined only between loops, so that
  // the threads' view of them does not depend on their number.
  void link(Range rows, Range tile) {
    job_.parallel_for(rows.end - rows.begin, rows_per_search,
                      [&](std::size_t first, std::size_t last, unsigned thread) {
                        find({rows.begin + first, rows.begin + last}, tile,
                             std::span(found_).subspan(first, last - first), near_.scratch(thread));
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
    near_.search(rows, tile, std::min(tile.end, rows.end), scratch);
    for (std::size_t i = 0; i < found.size(); ++i) {
      found[i].clear();
      const std::size_t row = rows.begin + i;
      const std::int64_t group = groups_.lowest(static_cast<std::int64_t>(row));
      scratch.search.for_each(i, 0, [&](std::size_t number) {
        const std::size_t other = tile.begin + number;
        if (other < row && groups_.lowest(static_cast<std::int64_t>(other)) != group &&
            near_.is_near(other, scratch.points[i])) {
          found[i].push_back(static_cast<std::int64_t>(other));
        }
      });
    }
  }

  Job& job_;
  NearRows<T> near_;
  Groups groups_;
  std::vector<std::vector<std::int64_t>>
      found_;  // per row of a round, the rows that it is linked to
};

// For each row after the first n_reference ones, the lowest of these that is near it, or -1.
template <class T>
std::vector<std::int64_t> lowest_near(const Rows<T>& rows, std::size_t n_reference, double distance,
                                      Metric metric, Job& job) {
  NearRows<T> near(rows, distance, metric, job);
  const std::size_t n = rows.size() - n_reference;
  std::vector<std::int64_t> lowest(n, -1);
  job.set_total(n * ((n_reference + rows_per_tile - 1) / rows_per_tile));
  for (std::size_t begin = 0; begin < n_reference; begin += rows_per_tile) {
    const Range tile{begin, std::min(begin + rows_per_tile, n_reference)};
    near.fill_tile(tile);
    job.counted_parallel_for(
        n, rows_per_search, [&](std::size_t first, std::size_t last, unsigned thread) {
          auto& scratch = near.scratch(thread);
          near.search({n_reference + first, n_reference + last}, tile, tile.end, scratch);
          for (std::size_t i = first; i < last; ++i) {
            scratch.search.for_each(i - first, 0, [&](std::size_t number) {
              const auto other = static_cast<std::int64_t>(tile.begin + number);
              const bool is_lower = lowest[i] < 0 || other < lowest[i];
              if (tile.begin + number < tile.end && is_lower &&
                  near.is_near(tile.begin + number, scratch.points[i - first])) {
                lowest[i] = other;
              }
            });
          }
        });
  }
  return lowest;
}

void check_distance(double distance) {
  if (!(distance >= 0.0)) {
    throw InvalidInput("distance must be at least 0, got " + std::to_string(distance));
  }
}

void check_shape(const AnyMatrix& embeddings, const char* name) {
  if (embeddings.n_rows == 0 || embeddings.n_columns == 0) {
    throw InvalidInput(std::string(name) + " must have at least one row and one column");
  }
}

}  // namespace

std::vector<std::int64_t> group_near_duplicates(const AnyMatrix& embeddings, double distance,
                                                Metric metric, Job& job) {
  check_distance(distance);
  check_shape(embeddings, "embeddings");
  return visit(embeddings, [&]<class T>(const Rows<T>& rows) {
    summarise_columns(rows, job);  // refuses values that are not finite
    return Linker<T>(rows, distance, metric, job).run();
  });
}

std::vector<std::int64_t> match_near_duplicates(const AnyMatrix& embeddings,
                                                const AnyMatrix& against, double distance,
                                                Metric metric, Job& job) {
  check_distance(distance);
  check_shape(embeddings, "embeddings");
  check_shape(against, "against");
  if (against.n_columns != embeddings.n_columns || against.element != embeddings.element) {
    throw InvalidInput(
        "against must have the columns and the element type of the embeddings: "
        "expected " +
        std::to_string(embeddings.n_columns) + " of " + std::string(to_string(embeddings.element)) +
        ", got " + std::to_string(against.n_columns) + " of " +
        std::string(to_string(against.element)) + "; convert one of them");
  }
  visit(embeddings, [&](const auto& rows) { summarise_columns(rows, job); });
  try {
    visit(against, [&]<class T>(const Rows<T>& rows) {
      summarise_columns(rows, job);
      const DistanceMeter<T> checks_norms(rows, metric, job);
    });
  } catch (const FormatError&) {
    throw;
  } catch (const InvalidInput& error) {
    throw InvalidInput(std::string("against: ") + error.what());
  }
  visit(embeddings, [&]<class T>(const Rows<T>& rows) {
    const DistanceMeter<T> checks_norms(rows, metric, job);
  });
  const std::vector<AnyMatrix> both = {against, embeddings};
  return visit(stack(both), [&]<class T>(const Rows<T>& rows) {
    return lowest_near<T>(rows, against.n_rows, distance, metric, job);
  });
}

}  // namespace thinset
