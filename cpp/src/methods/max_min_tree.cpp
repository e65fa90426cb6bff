#include "methods/max_min_tree.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace thinset {

namespace {

constexpr std::size_t rows_per_check = 65536;
constexpr double infinity = std::numeric_limits<double>::infinity();

std::size_t rows_per_leaf(std::size_t n_rows, std::size_t k) {
  return std::clamp<std::size_t>(n_rows / k, 128, 2048);
}

std::size_t n_nodes(std::size_t n_rows, std::size_t k) {
  std::size_t n_leaves = 1;
  for (std::size_t largest = n_rows; largest > rows_per_leaf(n_rows, k); largest -= largest / 2) {
    n_leaves *= 2;
  }
  return 2 * n_leaves;
}

float rounded(double coordinate) {
  constexpr double most = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(coordinate, -most, most));
}

}  // namespace

template <class T>
MaxMinTree::MaxMinTree(const DistanceMeter<T>& meter, std::size_t k, Job& job)
    : rows_per_leaf_(rows_per_leaf(meter.rows().size(), k)),
      order_(meter.rows().size()),
      place_of_(order_.size()),
      points_(order_.size(), Coordinates{}),
      ranks_(order_.size(), infinity),
      is_picked_(order_.size(), 0),
      boxes_(n_nodes(order_.size(), k)),
      best_(boxes_.size()) {
  std::iota(order_.begin(), order_.end(), std::uint32_t{0});
  for (std::size_t row = 0; row < order_.size(); ++row) {
    row_kernels<T>().widen(meter.rows().row(row), points_[row].data(), meter.n_columns());
  }
  {
    const std::size_t n = order_.size();
    Scratch scratch{std::vector<Key>(n), std::vector<Coordinates>(n),
                    std::vector<std::uint32_t>(n)};
    order_places(1, {0, n}, scratch, job);
  }
  for (std::size_t place = 0; place < order_.size(); ++place) {
    place_of_[order_[place]] = static_cast<std::uint32_t>(place);
  }
}

void MaxMinTree::order_places(std::size_t node, Run places, Scratch& scratch, Job& job) {
  const std::size_t n = places.end - places.begin;
  if (n >= rows_per_check) {
    job.check();
  }
  Box box;
  box.low.fill(infinity);
  box.high.fill(-infinity);
  for (std::size_t place = places.begin; place < places.end; ++place) {
    for (std::size_t j = 0; j < most_columns; ++j) {
      box.low[j] = std::min(box.low[j], points_[place][j]);
      box.high[j] = std::max(box.high[j], points_[place][j]);
    }
  }
  boxes_[node] = box;
  if (!is_leaf(places)) {
    std::size_t widest = 0;
    for (std::size_t j = 1; j < most_columns; ++j) {
      if (box.high[j] - box.low[j] > box.high[widest] - box.low[widest]) {
        widest = j;
      }
    }
    const std::size_t middle = places.begin + n / 2;
    auto& [keys, points, rows] = scratch;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t place = places.begin + i;
      keys[i] = {rounded(points_[place][widest]), static_cast<std::uint32_t>(place)};
    }
    const auto last = static_cast<std::ptrdiff_t>(n);
    std::nth_element(keys.begin(), keys.begin() + last / 2, keys.begin() + last,
                     [](const Key& a, const Key& b) { return a.coordinate < b.coordinate; });
    for (std::size_t i = 0; i < n; ++i) {
      points[i] = points_[keys[i].place];
      rows[i] = order_[keys[i].place];
    }
    const auto first = static_cast<std::ptrdiff_t>(places.begin);
    std::copy(points.begin(), points.begin() + last, points_.begin() + first);
    std::copy(rows.begin(), rows.begin() + last, order_.begin() + first);
    order_places(2 * node, {places.begin, middle}, scratch, job);
    order_places(2 * node + 1, {middle, places.end}, scratch, job);
  }
  find_best(node, places);
}

void MaxMinTree::find_best(std::size_t node, Run places) {
  BestRow best;
  if (is_leaf(places)) {
    for (std::size_t place = places.begin; place < places.end; ++place) {
      if (is_picked_[place] == 0) {
        best.offer(ranks_[place], order_[place]);
      }
    }
  } else {
    best = best_[2 * node];
    best.offer(best_[2 * node + 1].value, best_[2 * node + 1].row);
  }
  best_[node] = best;
}

void MaxMinTree::show(std::size_t node, Run places, const Coordinates& pick) {
  const Box& box = boxes_[node];
  Coordinates closest;
  for (std::size_t j = 0; j < most_columns; ++j) {
    closest[j] = std::max(box.low[j], std::min(box.high[j], pick[j]));
  }
  if (rank(closest, pick) >= best_[node].value) {
    return;
  }
  if (is_leaf(places)) {
    for (std::size_t place = places.begin; place < places.end; ++place) {
      ranks_[place] = std::min(ranks_[place], rank(points_[place], pick));
    }
  } else {
    const std::size_t middle = places.begin + (places.end - places.begin) / 2;
    show(2 * node, {places.begin, middle}, pick);
    show(2 * node + 1, {middle, places.end}, pick);
  }
  find_best(node, places);
}

void MaxMinTree::find_best_on_path(std::size_t node, Run places, std::size_t place) {
  if (!is_leaf(places)) {
    const std::size_t middle = places.begin + (places.end - places.begin) / 2;
    if (place < middle) {
      find_best_on_path(2 * node, {places.begin, middle}, place);
    } else {
      find_best_on_path(2 * node + 1, {middle, places.end}, place);
    }
  }
  find_best(node, places);
}

void MaxMinTree::pick(std::size_t row) {
  set_candidate(row, false);
  show(1, {0, order_.size()}, points_[place_of_[row]]);
}

void MaxMinTree::pick(std::span<const double> point) {
  Coordinates coordinates{};
  std::ranges::copy(point, coordinates.begin());
  show(1, {0, order_.size()}, coordinates);
}

void MaxMinTree::set_candidate(std::size_t row, bool is_candidate) {
  const std::size_t place = place_of_[row];
  is_picked_[place] = is_candidate ? 0 : 1;
  find_best_on_path(1, {0, order_.size()}, place);
}

bool is_worth_a_tree(std::uint64_t n_rows, std::uint64_t n_columns, std::uint64_t k) {
  constexpr std::uint64_t most_rows = std::numeric_limits<std::uint32_t>::max();
  return n_columns <= MaxMinTree::most_columns && n_rows >= 1024 && n_rows < most_rows && k >= 16;
}

std::uint64_t max_min_tree_memory(const SelectionSize& size) {
  const std::uint64_t point = MaxMinTree::most_columns * sizeof(double);
  const std::uint64_t per_row = 2 * sizeof(std::uint32_t) + point + sizeof(double) + 1;
  const std::uint64_t while_ordering = sizeof(float) + point + 2 * sizeof(std::uint32_t);
  return size.n_rows * (per_row + while_ordering) +
         n_nodes(size.n_rows, std::max<std::uint64_t>(size.n_samples, 1)) *
             (2 * point + sizeof(BestRow));
}

template MaxMinTree::MaxMinTree(const DistanceMeter<float>&, std::size_t, Job&);
template MaxMinTree::MaxMinTree(const DistanceMeter<double>&, std::size_t, Job&);
template MaxMinTree::MaxMinTree(const DistanceMeter<Float16>&, std::size_t, Job&);
template MaxMinTree::MaxMinTree(const DistanceMeter<BFloat16>&, std::size_t, Job&);

}  // namespace thinset
