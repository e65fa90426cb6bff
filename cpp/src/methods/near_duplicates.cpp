#include "thinset/near_duplicates.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "bounds/image_list.hpp"
#include "bounds/projection.hpp"
#include "bounds/row_tree.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "runtime/number_text.hpp"
#include "thinset/error.hpp"
#include "thinset/random.hpp"

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

// Above every rank whose distance is at most the limit, rounding included.
double rank_beyond(double distance, Metric metric) {
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

  // body(place, other, point of place) for every place in a range and every other place of the
  // tile, up to `end`, that may hold a near row.
  template <class Body>
  void search(Range places, std::size_t end, Scratch& scratch, const Body& body) const {
    tree_.find_near(places, begin_, end, scratch.runs);
    if (scratch.runs.empty()) {
      return;
    }
    scratch.points.resize(rows_per_search);
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
        tile_(projection_.n_coordinates(), std::min(n_searched, rows_per_tile)),
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

template <class T>
class Linker {
 public:
  Linker(const Rows<T>& rows, double distance, Metric metric, Job& job)
      : job_(job),
        near_(rows, rows.size(), distance, metric, job),
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
  using Range = typename NearRows<T>::Range;
  using Scratch = typename NearRows<T>::Scratch;

  // Links the rows at some places with rows at earlier places of the tile. Groups are joined only
  // between loops, so that the threads' view of them does not depend on their number.
  void link(Range places, Range tile) {
    job_.parallel_for(places.end - places.begin, rows_per_search,
                      [&](std::size_t first, std::size_t last, unsigned thread) {
                        find({places.begin + first, places.begin + last}, tile,
                             std::span(found_).subspan(first, last - first), near_.scratch(thread));
                      });
    for (std::size_t i = 0; i < places.end - places.begin; ++i) {
      for (const std::int64_t other : found_[i]) {
        groups_.join(near_.row_at(places.begin + i), other);
      }
    }
    job_.advance(places.end - places.begin);
  }

  void find(Range places, Range tile, std::span<std::vector<std::int64_t>> found,
            Scratch& scratch) const {
    for (std::vector<std::int64_t>& others : found) {
      others.clear();
    }
    near_.search(places, std::min(tile.end, places.end), scratch,
                 [&](std::size_t place, std::size_t other, const Point& point) {
                   const std::int64_t group = groups_.lowest(near_.row_at(place));
                   if (other < place && groups_.lowest(near_.row_at(other)) != group &&
                       near_.is_near(other, point)) {
                     found[place - places.begin].push_back(near_.row_at(other));
                   }
                 });
  }

  Job& job_;
  NearRows<T> near_;
  Groups groups_;  // of rows, not of places
  std::vector<std::vector<std::int64_t>>
      found_;  // per place of a round, the rows that it is linked to
};

// For each row after the first n_reference ones, the lowest of these that is near it, or -1.
template <class T>
std::vector<std::int64_t> lowest_near(const Rows<T>& rows, std::size_t n_reference, double distance,
                                      Metric metric, Job& job) {
  NearRows<T> near(rows, n_reference, distance, metric, job);
  const std::size_t n = rows.size() - n_reference;
  std::vector<std::int64_t> lowest(n, -1);
  job.set_total(n * ((n_reference + rows_per_tile - 1) / rows_per_tile));
  for (std::size_t begin = 0; begin < n_reference; begin += rows_per_tile) {
    const std::size_t end = std::min(begin + rows_per_tile, n_reference);
    near.fill_tile({begin, end});
    job.counted_parallel_for(
        n, rows_per_search, [&](std::size_t first, std::size_t last, unsigned thread) {
          near.search({n_reference + first, n_reference + last}, end, near.scratch(thread),
                      [&](std::size_t place, std::size_t other, const Point& point) {
                        std::int64_t& lowest_of =
                            lowest[static_cast<std::size_t>(near.row_at(place)) - n_reference];
                        const std::int64_t row = near.row_at(other);
                        if ((lowest_of < 0 || row < lowest_of) && near.is_near(other, point)) {
                          lowest_of = row;
                        }
                      });
        });
  }
  return lowest;
}

void check_distance(double distance) {
  if (!(distance >= 0.0)) {
    throw InvalidInput("distance must be at least 0, got " + text_of(distance));
  }
}

void check_shape(const AnyMatrix& embeddings, const char* name) {
  if (embeddings.n_rows == 0 || embeddings.n_columns == 0) {
    throw InvalidInput(
        std::string(name) + " must have at least one row and one column, got shape (" +
        std::to_string(embeddings.n_rows) + ", " + std::to_string(embeddings.n_columns) + ")");
  }
}

void check_rows(std::span<const std::int64_t> rows, std::size_t n_rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool is_row = rows[i] >= 0 && static_cast<std::uint64_t>(rows[i]) < n_rows;
    if (!is_row || (i > 0 && rows[i] <= rows[i - 1])) {
      throw InvalidInput("rows must be ascending and in [0, " + std::to_string(n_rows) +
                         "): position " + std::to_string(i) + " holds " + std::to_string(rows[i]));
    }
  }
}

// The view keeps `rows` by address.
template <class T>
Rows<T> only(const Rows<T>& all, std::span<const std::int64_t> rows) {
  return rows.empty() ? all : all.restricted_to(rows);
}

void check_values_of_reference(const AnyMatrix& against, Metric metric, Job& job) {
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
}

}  // namespace

std::vector<std::int64_t> group_near_duplicates(const AnyMatrix& embeddings, double distance,
                                                Metric metric, Job& job,
                                                std::span<const std::int64_t> rows) {
  check_distance(distance);
  check_shape(embeddings, "embeddings");
  check_rows(rows, embeddings.n_rows);
  std::vector<std::int64_t> found = visit(embeddings, [&]<class T>(const Rows<T>& all) {
    const Rows<T> read = only(all, rows);
    summarise_columns(read, job);  // refuses values that are not finite
    return Linker<T>(read, distance, metric, job).run();
  });
  if (rows.empty()) {
    return found;
  }
  std::vector<std::int64_t> groups(embeddings.n_rows);
  std::iota(groups.begin(), groups.end(), std::int64_t{0});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    groups[static_cast<std::size_t>(rows[i])] = rows[static_cast<std::size_t>(found[i])];
  }
  return groups;
}

std::vector<std::int64_t> match_near_duplicates(const AnyMatrix& embeddings,
                                                const AnyMatrix& against, double distance,
                                                Metric metric, Job& job,
                                                std::span<const std::int64_t> rows) {
  check_distance(distance);
  check_shape(embeddings, "embeddings");
  check_shape(against, "against");
  check_rows(rows, embeddings.n_rows);
  if (against.n_columns != embeddings.n_columns || against.element != embeddings.element) {
    throw InvalidInput(
        "against must have the columns and the element type of the embeddings: "
        "expected " +
        std::to_string(embeddings.n_columns) + " of " + std::string(to_string(embeddings.element)) +
        ", got " + std::to_string(against.n_columns) + " of " +
        std::string(to_string(against.element)) + "; convert one of them");
  }
  visit(embeddings, [&](const auto& all) { summarise_columns(only(all, rows), job); });
  check_values_of_reference(against, metric, job);
  visit(embeddings, [&]<class T>(const Rows<T>& all) {
    const DistanceMeter<T> checks_norms(only(all, rows), metric, job);
  });
  const std::vector<AnyMatrix> both = {against, embeddings};
  std::vector<std::int64_t> read;  // rows of both
  if (!rows.empty()) {
    read.resize(against.n_rows);
    std::iota(read.begin(), read.end(), std::int64_t{0});
    for (const std::int64_t row : rows) {
      read.push_back(static_cast<std::int64_t>(against.n_rows) + row);
    }
  }
  std::vector<std::int64_t> found = visit(stack(both), [&]<class T>(const Rows<T>& all) {
    return lowest_near<T>(only(all, read), against.n_rows, distance, metric, job);
  });
  if (rows.empty()) {
    return found;
  }
  std::vector<std::int64_t> matches(embeddings.n_rows, -1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    matches[static_cast<std::size_t>(rows[i])] = found[i];
  }
  return matches;
}

}  // namespace thinset
