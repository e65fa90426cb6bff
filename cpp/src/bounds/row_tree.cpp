#include "bounds/row_tree.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "rows/elements.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
constexpr std::size_t most_sampled = 1024;
// Nodes of fewer rows are not worth a check for interrupts.
constexpr std::size_t rows_per_check = 65536;
// Covers the rounding of sums of squares in float64.
constexpr double margin = 1.0 + 1e-9;

std::size_t leaves_for(std::size_t n_rows) {
  const std::size_t n = (n_rows + RowTree::rows_per_leaf - 1) / RowTree::rows_per_leaf;
  return std::bit_ceil(std::max<std::size_t>(n, 1));
}

}  // namespace

template <class T>
RowTree::RowTree(const DistanceMeter<T>& meter, const Projection& projection,
                 std::size_t n_searched, double rank, Job& job)
    : projection_(projection),
      rank_(rank),
      n_searched_(n_searched),
      n_leaves_(leaves_for(n_searched)),
      order_(meter.rows().size()) {
  const std::size_t n = order_.size();
  choose_coordinates(meter);
  coordinates_.resize(n * chosen_.size());
  radii_.resize(n);
  struct alignas(64) Scratch {
    Point point;
    Projection::Image image;
  };
  std::vector<Scratch> scratch(job.n_threads());
  job.parallel_for(n, rows_per_block, [&](std::size_t begin, std::size_t end, unsigned thread) {
    auto& [point, image] = scratch[thread];
    for (std::size_t row = begin; row < end; ++row) {
      meter.read(row, point);
      projection.project(point, image);
      for (std::size_t c = 0; c < chosen_.size(); ++c) {
        coordinates_[row * chosen_.size() + c] = image.coordinates[chosen_[c]];
      }
      radii_[row] =
          std::nextafter(static_cast<float>(image.radius), std::numeric_limits<float>::infinity());
    }
  });
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
  order_places({0, n_searched}, n_leaves_, job);
  order_places({n_searched, n}, leaves_for(n - n_searched), job);
  boxes_.resize(2 * n_leaves_);
  make_boxes(1, 0, n_leaves_);
}

template <class T>
void RowTree::choose_coordinates(const DistanceMeter<T>& meter) {
  const std::size_t n = meter.rows().size();
  const std::size_t n_sampled = std::min(n, most_sampled);
  std::vector<std::vector<float>> values(projection_.n_coordinates());
  Point point;
  Projection::Image image;
  for (std::size_t s = 0; s < n_sampled; ++s) {
    meter.read(n / n_sampled * s, point);
    projection_.project(point, image);
    for (std::size_t j = 0; j < values.size(); ++j) {
      values[j].push_back(image.coordinates[j]);
    }
  }
  // How often halving along a coordinate still separates rows.
  const double reach = projection_.reach(0.0, rank_);
  struct Telling {
    double halvings;
    std::size_t coordinate;
  };
  std::vector<Telling> telling;
  for (std::size_t j = 0; j < values.size(); ++j) {
    std::ranges::sort(values[j]);
    const double spread = static_cast<double>(values[j][n_sampled - 1 - n_sampled / 20]) -
                          static_cast<double>(values[j][n_sampled / 20]);
    const auto unique = std::ranges::unique(values[j]);
    const auto n_different = static_cast<double>(unique.begin() - values[j].begin());
    telling.push_back({std::log2(std::max(1.0, std::min(n_different, spread / reach))), j});
  }
  std::ranges::stable_sort(telling, std::greater<>(), &Telling::halvings);
  double wanted = std::log2(static_cast<double>(n_leaves_));
  for (const Telling& t : telling) {
    if (wanted <= 0.0 || t.halvings <= 0.0 || chosen_.size() == most_coordinates) {
      break;
    }
    chosen_.push_back(t.coordinate);
    wanted -= t.halvings;
  }
}

// Such that the rows of every node of the tree are at consecutive places.
void RowTree::order_places(Run places, std::size_t n_leaves, Job& job) {
  const std::size_t middle = places.begin + n_leaves / 2 * rows_per_leaf;
  if (n_leaves == 1 || chosen_.empty()) {
    return;
  }
  if (middle < places.end) {
    const Box box = box_of(places);
    std::size_t widest = 0;
    for (std::size_t c = 1; c < chosen_.size(); ++c) {
      if (box.high[c] - box.low[c] > box.high[widest] - box.low[widest]) {
        widest = c;
      }
    }
    const auto at = [&](std::int64_t row) {
      return coordinates_[static_cast<std::size_t>(row) * chosen_.size() + widest];
    };
    const auto first = order_.begin();
    std::nth_element(
        first + static_cast<std::ptrdiff_t>(places.begin),
        first + static_cast<std::ptrdiff_t>(middle),
        first + static_cast<std::ptrdiff_t>(places.end),
        [&](std::int64_t a, std::int64_t b) { return at(a) != at(b) ? at(a) < at(b) : a < b; });
    if (places.end - places.begin >= rows_per_check) {
      job.check();
    }
    order_places({middle, places.end}, n_leaves / 2, job);
  }
  order_places({places.begin, std::min(middle, places.end)}, n_leaves / 2, job);
}

void RowTree::make_boxes(std::size_t node, std::size_t first_leaf, std::size_t n_leaves) {
  if (n_leaves == 1) {
    boxes_[node] = box_of({std::min(first_leaf * rows_per_leaf, n_searched_),
                           std::min((first_leaf + 1) * rows_per_leaf, n_searched_)});
    return;
  }
  make_boxes(2 * node, first_leaf, n_leaves / 2);
  make_boxes(2 * node + 1, first_leaf + n_leaves / 2, n_leaves / 2);
  for (std::size_t c = 0; c < chosen_.size(); ++c) {
    boxes_[node].low[c] = std::min(boxes_[2 * node].low[c], boxes_[2 * node + 1].low[c]);
    boxes_[node].high[c] = std::max(boxes_[2 * node].high[c], boxes_[2 * node + 1].high[c]);
  }
}

// That of no rows is empty: from infinity to -infinity.
RowTree::Box RowTree::box_of(Run places) const {
  Box box;
  box.low.fill(std::numeric_limits<float>::infinity());
  box.high.fill(-std::numeric_limits<float>::infinity());
  for (std::size_t place = places.begin; place < places.end; ++place) {
    const float* values = coordinates(place);
    for (std::size_t c = 0; c < chosen_.size(); ++c) {
      box.low[c] = std::min(box.low[c], values[c]);
      box.high[c] = std::max(box.high[c], values[c]);
    }
  }
  return box;
}

void RowTree::find_near(Run places, std::size_t begin, std::size_t end,
                        std::vector<Run>& runs) const {
  runs.clear();
  double radius = 0.0;
  for (std::size_t place = places.begin; place < places.end; ++place) {
    radius = std::max(radius, static_cast<double>(radii_[static_cast<std::size_t>(order_[place])]));
  }
  const double reach = projection_.reach(radius, rank_);
  const Run wanted{begin / rows_per_leaf, (end + rows_per_leaf - 1) / rows_per_leaf};
  visit(1, {0, n_leaves_}, wanted, box_of(places), reach * reach * margin, runs);
  if (!runs.empty()) {
    runs.back().end = std::min(runs.back().end, end);
  }
}

void RowTree::visit(std::size_t node, Run leaves, Run wanted, const Box& box, double square,
                    std::vector<Run>& runs) const {
  if (leaves.end <= wanted.begin || leaves.begin >= wanted.end) {
    return;
  }
  double sum = 0.0;
  for (std::size_t c = 0; c < chosen_.size(); ++c) {
    const double gap = std::max({0.0, static_cast<double>(boxes_[node].low[c]) - box.high[c],
                                 static_cast<double>(box.low[c]) - boxes_[node].high[c]});
    sum += gap * gap;
  }
  if (sum > square) {
    return;
  }
  if (leaves.end - leaves.begin > 1) {
    const std::size_t middle = (leaves.begin + leaves.end) / 2;
    visit(2 * node, {leaves.begin, middle}, wanted, box, square, runs);
    visit(2 * node + 1, {middle, leaves.end}, wanted, box, square, runs);
    return;
  }
  const Run places{leaves.begin * rows_per_leaf, leaves.end * rows_per_leaf};
  if (!runs.empty() && runs.back().end == places.begin) {
    runs.back().end = places.end;
  } else {
    runs.push_back(places);
  }
}

#define THINSET_INSTANTIATE(T) \
  template RowTree::RowTree(const DistanceMeter<T>&, const Projection&, std::size_t, double, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
