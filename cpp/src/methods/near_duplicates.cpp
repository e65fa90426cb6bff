#include "thinset/near_duplicates.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "methods/near_rows.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "runtime/number_text.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_round = 512;

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
    const std::size_t n_tiles = (n + near_rows_per_tile - 1) / near_rows_per_tile;
    job_.set_total(n_tiles * n - near_rows_per_tile * (n_tiles * (n_tiles - 1) / 2));
    for (std::size_t begin = 0; begin < n; begin += near_rows_per_tile) {
      const Range tile{begin, std::min(begin + near_rows_per_tile, n)};
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
    job_.parallel_for(places.end - places.begin, near_rows_per_search,
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
  job.set_total(n * ((n_reference + near_rows_per_tile - 1) / near_rows_per_tile));
  for (std::size_t begin = 0; begin < n_reference; begin += near_rows_per_tile) {
    const std::size_t end = std::min(begin + near_rows_per_tile, n_reference);
    near.fill_tile({begin, end});
    job.counted_parallel_for(
        n, near_rows_per_search, [&](std::size_t first, std::size_t last, unsigned thread) {
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
      require_finite(rows, job);
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
    require_finite(read, job);
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
  visit(embeddings, [&](const auto& all) { require_finite(only(all, rows), job); });
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
