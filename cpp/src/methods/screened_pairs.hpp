// All pairs of a query and a row of another matrix, except those that bounds prove to be apart.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "bounds/image_list.hpp"
#include "bounds/projection.hpp"
#include "rows/distance.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Throws InvalidInput, with `name_of_queries` or `name_of_rows` first, unless both matrices have
// rows, one width and one element type, and values whose distances float64 can hold.
void check_pairs(const AnyMatrix& queries, const char* name_of_queries, const AnyMatrix& rows,
                 const char* name_of_rows, Job& job);

template <class T>
class ScreenedPairs {
 public:
  ScreenedPairs(const Rows<T>& queries, const Rows<T>& rows, Job& job)
      : job_(job),
        query_meter_(queries, Metric::euclidean, job),
        meter_(rows, Metric::euclidean, job),
        projection_(std::in_place, meter_, job, telling_share),
        queries_per_batch_(std::clamp(values_per_batch / rows.n_columns(), std::size_t{4},
                                      std::size_t{points_per_group})),
        scratch_(job.n_threads()) {}

  [[nodiscard]] const DistanceMeter<T>& meter() const { return meter_; }

  // Calls visit(query, row, rank, thread) for every pair whose rank is below rank_limit(query) when
  // the row's turn comes, and for some others; rank is the exact squared distance. A query gets its
  // rows in ascending order, from one thread at a time. begin(query, point) is called before its
  // first row, end_tile(first, last) on the calling thread after all queries have had the rows
  // [first, last).
  template <class Begin, class RankLimit, class Visit, class EndTile>
  void run(const Begin& begin, const RankLimit& rank_limit, const Visit& visit,
           const EndTile& end_tile) {
    const std::size_t n = meter_.rows().size();
    const std::size_t n_queries = query_meter_.rows().size();
    job_.set_total(n * n_queries);
    for (std::size_t first = 0; first < n;) {
      const std::size_t last = std::min(first + rows_in_tile(first == 0), n);
      fill_tile(first, last);
      job_.parallel_for(n_queries, queries_per_batch_,
                        [&](std::size_t from, std::size_t to, unsigned thread) {
                          Scratch& scratch = scratch_[thread];
                          read_batch(from, to, scratch);
                          for (std::size_t query = from; query < to; ++query) {
                            const std::size_t question = query - from;
                            if (first == 0) {
                              begin(query, scratch.points[question]);
                            }
                            scratch.search.push_back(
                                scratch.images[question],
                                projection_->limit(scratch.images[question], rank_limit(query)));
                          }
                          scan(from, to, first, thread, rank_limit, visit);
                          job_.count((to - from) * (last - first));
                        });
      end_tile(first, last);
      if (first == 0) {
        choose_projection(last * n_queries);
      }
      first = last;
    }
  }

 private:
  struct alignas(64) Scratch {
    std::vector<Point> points;
    std::vector<Projection::Image> images;
    NearSearch search;
    std::size_t n_left = 0;  // pairs that the projection has not ruled out

    void reserve(std::size_t n) {
      points.resize(std::max(points.size(), n));
      images.resize(std::max(images.size(), n));
    }
  };

  static constexpr std::size_t values_per_tile = std::size_t{1} << 22;
  static constexpr std::size_t values_per_batch = std::size_t{1} << 20;
  static constexpr std::size_t max_rows_in_tile = 16384;
  // The first tile shows whether a few directions are enough.
  static constexpr std::size_t max_rows_in_first_tile = 1024;
  // Directions with a smaller share of the variance are not even tried.
  static constexpr double telling_share = 0.3;
  // A pair that they leave costs some three times the product of two rows in float32.
  static constexpr double largest_share_left = 0.3;

  [[nodiscard]] bool uses_directions() const {
    return projection_->n_coordinates() < meter_.n_columns();
  }

  [[nodiscard]] std::size_t rows_in_tile(bool is_first) const {
    const std::size_t most = is_first ? max_rows_in_first_tile : max_rows_in_tile;
    const std::size_t fitting = values_per_tile / projection_->n_coordinates();
    return std::clamp(fitting, points_per_group, most) / points_per_group * points_per_group;
  }

  // Changes how pairs are ruled out, never the pairs that count.
  void choose_projection(std::size_t n_pairs) {
    std::size_t n_left = 0;
    for (const Scratch& scratch : scratch_) {
      n_left += scratch.n_left;
    }
    if (uses_directions() &&
        static_cast<double>(n_left) > largest_share_left * static_cast<double>(n_pairs)) {
      projection_.emplace(meter_, job_, Projection::all_coordinates);
      tile_.reset();
    }
  }

  void fill_tile(std::size_t first, std::size_t last) {
    if (!tile_) {
      tile_.emplace(projection_->n_coordinates(), std::size_t{0});
    }
    tile_->resize(last - first);
    job_.parallel_for(last - first, points_per_group,
                      [&](std::size_t from, std::size_t to, unsigned thread) {
                        Scratch& scratch = scratch_[thread];
                        scratch.reserve(1);
                        for (std::size_t i = from; i < to; ++i) {
                          meter_.read(first + i, scratch.points[0]);
                          projection_->project(scratch.points[0], scratch.images[0]);
                          tile_->set(i, scratch.images[0]);
                        }
                      });
  }

  void read_batch(std::size_t from, std::size_t to, Scratch& scratch) const {
    scratch.reserve(to - from);
    scratch.search.clear();
    for (std::size_t query = from; query < to; ++query) {
      query_meter_.read(query, scratch.points[query - from]);
      projection_->project(scratch.points[query - from], scratch.images[query - from]);
    }
  }

  template <class RankLimit, class Visit>
  void scan(std::size_t from, std::size_t to, std::size_t first_row, unsigned thread,
            const RankLimit& rank_limit, const Visit& visit) {
    Scratch& scratch = scratch_[thread];
    for (std::size_t at = 0; at < tile_->size(); at += points_per_group) {
      tile_->find_near(scratch.search, at, std::min(at + points_per_group, tile_->size()));
      for (std::size_t query = from; query < to; ++query) {
        const std::size_t question = query - from;
        const Point& point = scratch.points[question];
        bool has_visited = false;
        scratch.search.for_each(question, at, [&](std::size_t number) {
          const std::size_t row = first_row + number;
          ++scratch.n_left;
          if (uses_directions() &&
              meter_.is_beyond(meter_.rows().row(row), point, rank_limit(query))) {
            return;
          }
          visit(query, row, meter_.rank(row, point), thread);
          has_visited = true;
        });
        if (has_visited) {
          scratch.search.set_limit(question,
                                   projection_->limit(scratch.images[question], rank_limit(query)));
        }
      }
    }
  }

  Job& job_;
  DistanceMeter<T> query_meter_;
  DistanceMeter<T> meter_;
  std::optional<Projection> projection_;
  std::size_t queries_per_batch_;
  std::optional<ImageList> tile_;
  std::vector<Scratch> scratch_;
};

// Calls visitor(queries, rows) with both as Rows of their common element type.
template <class Visitor>
decltype(auto) visit_pairs(const AnyMatrix& queries, const AnyMatrix& rows,
                           const Visitor& visitor) {
  return visit(rows, [&]<class T>(const Rows<T>& typed) {
    const Rows<T> typed_queries(static_cast<const T*>(queries.data), queries.n_rows,
                                queries.n_columns, queries.row_stride, queries.shards.get());
    return visitor(typed_queries, typed);
  });
}

}  // namespace thinset
