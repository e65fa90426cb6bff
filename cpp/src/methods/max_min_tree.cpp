#include "methods/max_min_tree.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "rows/elements.hpp"
#include "rows/widened.hpp"
#include "simd/screen_kernels.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_check = 65536;
constexpr std::size_t nodes_per_check = 64;
constexpr std::size_t n_sampled = 65;
constexpr std::size_t least_share = 8;  // a child has at least an eighth of the rows
constexpr double infinity = std::numeric_limits<double>::infinity();

std::size_t rows_per_leaf(std::size_t n_rows, std::size_t k) {
  return std::clamp<std::size_t>(2 * n_rows / k, 256, 4096);
}

float rounded(double coordinate) {
  constexpr double most = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(coordinate, -most, most));
}

}  // namespace

template <class T>
MaxMinTree<T>::MaxMinTree(const DistanceMeter<T>& meter, std::size_t k, Job& job)
    : kernels_(row_kernels<T>()),
      n_columns_(meter.n_columns()),
      order_(meter.rows().size()),
      place_of_(order_.size()),
      columns_(order_.size() * n_columns_),
      ranks_(order_.size(), infinity) {
  std::vector<Item> items(order_.size());
  {
    for (std::size_t row = 0; row < items.size(); ++row) {
      items[row] = {{}, static_cast<std::uint32_t>(row)};
      for (std::size_t j = 0; j < n_columns_; ++j) {
        items[row].coordinates[j] = rounded(widened(meter.rows().row(row) + j));
      }
    }
    std::vector<Item> space(items.size());
    add_nodes(items, space, 0, rows_per_leaf(items.size(), k), job);
  }
  read_rows(meter, items, job);
  make_boxes(job);
}

// Moves items below the value to the left, and returns how many; about half of them if these are
// too few or too many, as where many are equal. So the depth of the tree is logarithmic.
template <class T>
std::size_t MaxMinTree<T>::divide(std::span<Item> items, std::span<Item> space, std::size_t column,
                                  float value) {
  std::size_t n_left = 0;
  std::size_t n_right = 0;
  for (const Item& item : items) {
    const bool is_left = item.coordinates[column] < value;
    space[is_left ? n_left : items.size() - 1 - n_right] = item;
    n_left += is_left ? 1 : 0;
    n_right += is_left ? 0 : 1;
  }
  if (std::min(n_left, n_right) >= items.size() / least_share) {
    std::ranges::copy(space.first(items.size()), items.begin());
    return n_left;
  }
  const std::size_t half = items.size() / 2;
  std::ranges::nth_element(items, items.begin() + static_cast<std::ptrdiff_t>(half), {},
                           [&](const Item& item) { return item.coordinates[column]; });
  return half;
}

// Orders the items, and adds the node that holds them after those that are there. Returns it.
template <class T>
std::size_t MaxMinTree<T>::add_nodes(std::span<Item> items, std::span<Item> space,
                                     std::uint32_t begin, std::size_t rows_per_leaf, Job& job) {
  if (items.size() >= rows_per_check) {
    job.check();
  }
  const std::size_t node = nodes_.size();
  nodes_.push_back({{}, {}, begin, begin + static_cast<std::uint32_t>(items.size())});
  if (items.size() <= rows_per_leaf) {
    return node;
  }
  Corner low = items[0].coordinates;
  Corner high = low;
  for (const Item& item : items) {
    for (std::size_t j = 0; j < most_columns; ++j) {
      low[j] = std::min(low[j], item.coordinates[j]);
      high[j] = std::max(high[j], item.coordinates[j]);
    }
  }
  std::size_t widest = 0;
  for (std::size_t j = 1; j < most_columns; ++j) {
    if (high[j] - low[j] > high[widest] - low[widest]) {
      widest = j;
    }
  }
  if (low[widest] == high[widest]) {
    return node;
  }
  std::array<float, n_sampled> sample;
  for (std::size_t s = 0; s < n_sampled; ++s) {
    sample[s] = items[items.size() / n_sampled * s].coordinates[widest];
  }
  std::ranges::nth_element(sample, sample.begin() + n_sampled / 2);
  const std::size_t n_left = divide(items, space, widest, sample[n_sampled / 2]);
  add_nodes(items.first(n_left), space, begin, rows_per_leaf, job);
  const std::size_t second = add_nodes(
      items.subspan(n_left), space, begin + static_cast<std::uint32_t>(n_left), rows_per_leaf, job);
  nodes_[node].second_child = static_cast<std::uint32_t>(second);
  return node;
}

template <class T>
void MaxMinTree<T>::read_rows(const DistanceMeter<T>& meter, const std::vector<Item>& items,
                              Job& job) {
  const std::size_t n = items.size();
  job.parallel_for(n, rows_per_check, [&](std::size_t begin, std::size_t end, unsigned) {
    for (std::size_t place = begin; place < end; ++place) {
      const std::uint32_t row = items[place].row;
      order_[place] = row;
      place_of_[row] = static_cast<std::uint32_t>(place);
      for (std::size_t j = 0; j < n_columns_; ++j) {
        columns_[j * n + place] = meter.rows().row(row)[j];
      }
    }
  });
}

template <class T>
void MaxMinTree<T>::make_boxes(Job& job) {
  for (std::size_t n = nodes_.size(); n-- > 0;) {
    if (n % nodes_per_check == 0) {
      job.check();
    }
    Node& node = nodes_[n];
    node.box.low.fill(infinity);
    node.box.high.fill(-infinity);
    if (node.second_child != 0) {
      for (const std::size_t child : {n + 1, std::size_t{node.second_child}}) {
        for (std::size_t j = 0; j < n_columns_; ++j) {
          node.box.low[j] = std::min(node.box.low[j], nodes_[child].box.low[j]);
          node.box.high[j] = std::max(node.box.high[j], nodes_[child].box.high[j]);
        }
      }
      join_children(n);
      continue;
    }
    for (std::size_t j = 0; j < n_columns_; ++j) {
      for (std::size_t place = node.begin; place < node.end; ++place) {
        const double value = widened(columns_.data() + j * order_.size() + place);
        node.box.low[j] = std::min(node.box.low[j], value);
        node.box.high[j] = std::max(node.box.high[j], value);
      }
    }
    find_best_of_leaf(node, infinity);
  }
}

// `best_rank`: the largest of the leaf.
template <class T>
void MaxMinTree<T>::find_best_of_leaf(Node& node, double best_rank) {
  node.best = {};
  if (best_rank < 0.0) {
    return;
  }
  constexpr std::size_t values_at_once = 64;
  for (std::size_t first = node.begin; first < node.end; first += values_at_once) {
    const std::size_t n = std::min<std::size_t>(values_at_once, node.end - first);
    std::uint64_t bits = screen_kernels().find_at_least(ranks_.data() + first, n, best_rank);
    for (; bits != 0; bits &= bits - 1) {
      const std::size_t place = first + static_cast<std::size_t>(std::countr_zero(bits));
      node.best.offer(ranks_[place], order_[place]);
    }
  }
}

template <class T>
void MaxMinTree<T>::join_children(std::size_t node) {
  BestRow best = nodes_[node + 1].best;
  const BestRow& other = nodes_[nodes_[node].second_child].best;
  best.offer(other.value, other.row);
  nodes_[node].best = best;
}

// What DistanceMeter gives: the kernels add the squares of four columns in this order.
template <class T>
double MaxMinTree<T>::rank(const std::array<double, most_columns>& a, const double* b) const {
  std::array<double, most_columns> squares{};
  for (std::size_t j = 0; j < n_columns_; ++j) {
    squares[j] = (a[j] - b[j]) * (a[j] - b[j]);
  }
  return (squares[0] + squares[2]) + (squares[1] + squares[3]);
}

template <class T>
void MaxMinTree<T>::show(std::size_t n, const double* pick) {
  Node& node = nodes_[n];
  std::array<double, most_columns> closest;
  for (std::size_t j = 0; j < n_columns_; ++j) {
    closest[j] = std::max(node.box.low[j], std::min(node.box.high[j], pick[j]));
  }
  if (rank(closest, pick) >= node.best.value) {
    return;
  }
  if (node.second_child == 0) {
    const double best_rank =
        kernels_.lower_ranks(columns_.data() + node.begin, order_.size(), n_columns_,
                             node.end - node.begin, pick, ranks_.data() + node.begin);
    find_best_of_leaf(node, best_rank);
    return;
  }
  show(n + 1, pick);
  show(node.second_child, pick);
  join_children(n);
}

template <class T>
void MaxMinTree<T>::find_best_on_path(std::size_t n, std::size_t place) {
  Node& node = nodes_[n];
  if (node.second_child == 0) {
    const auto first = ranks_.begin() + node.begin;
    find_best_of_leaf(node, *std::max_element(first, first + (node.end - node.begin)));
    return;
  }
  const bool is_first = place < nodes_[node.second_child].begin;
  find_best_on_path(is_first ? n + 1 : node.second_child, place);
  join_children(n);
}

template <class T>
void MaxMinTree<T>::pick(std::size_t row) {
  const std::size_t place = place_of_[row];
  std::array<double, most_columns> point;
  for (std::size_t j = 0; j < n_columns_; ++j) {
    point[j] = widened(columns_.data() + j * order_.size() + place);
  }
  // A leaf with a candidate at a distance is visited for the pick in it.
  const bool is_visited = ranks_[place] > 0.0;
  ranks_[place] = -infinity;
  show(0, point.data());
  if (!is_visited) {
    find_best_on_path(0, place);
  }
}

template <class T>
void MaxMinTree<T>::pick(std::span<const double> point) {
  show(0, point.data());
}

template <class T>
BestRow MaxMinTree<T>::take_furthest() {
  const BestRow best = furthest();
  if (best.row < order_.size()) {
    const std::size_t place = place_of_[best.row];
    ranks_[place] = -infinity;
    find_best_on_path(0, place);
  }
  return best;
}

template <class T>
void MaxMinTree<T>::put_back(const BestRow& taken_row) {
  const std::size_t place = place_of_[taken_row.row];
  ranks_[place] = taken_row.value;
  find_best_on_path(0, place);
}

bool is_worth_a_tree(std::uint64_t n_rows, std::uint64_t n_columns, std::uint64_t k) {
  constexpr std::uint64_t most_rows = std::numeric_limits<std::uint32_t>::max();
  return n_columns <= MaxMinTree<float>::most_columns && n_rows >= 1024 && n_rows < most_rows &&
         k >= 16;
}

std::uint64_t max_min_tree_memory(const SelectionSize& size) {
  constexpr std::uint64_t item = sizeof(std::array<float, MaxMinTree<float>::most_columns>) + 4;
  constexpr std::uint64_t node = 2 * MaxMinTree<float>::most_columns * sizeof(double) + 32;
  const std::uint64_t per_row =
      2 * sizeof(std::uint32_t) + size.n_columns * size.element_bytes + sizeof(double);
  // No child has less than an eighth of its rows, and few have less than a quarter. The vector of
  // nodes may be twice as large.
  const std::uint64_t n_leaves =
      4 * size.n_rows / rows_per_leaf(size.n_rows, std::max<std::uint64_t>(size.n_samples, 1)) + 1;
  return size.n_rows * (per_row + 2 * item) + 4 * n_leaves * node;
}

#define THINSET_INSTANTIATE(T) template class MaxMinTree<T>;
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
