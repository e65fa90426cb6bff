// Farthest-point selection among points of few coordinates, with a tree of boxes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rows/best_row.hpp"
#include "rows/distance.hpp"
#include "rows/selection_size.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Euclidean distances only. Rows are ordered by a tree that divides them at about the median of the
// coordinate in which they spread most. A node knows its box and the largest rank of its candidates
// to their nearest pick. A new pick cannot be nearer to a row than to the closest point of a box
// around it, so only nodes with a candidate that may be further from all earlier picks are visited.
// The square of that distance is added up as those of rows are: each difference is at most as
// large, and rounding keeps the order, so the comparison needs no margin.
template <class T>
class MaxMinTree {
 public:
  static constexpr std::size_t most_columns = 4;

  // For k picks: a fine tree takes longer to make, a coarse one measures more rows for each pick.
  MaxMinTree(const DistanceMeter<T>& meter, std::size_t k, Job& job);

  // The rank of a candidate to the nearest pick so far.
  [[nodiscard]] double rank_of(std::size_t row) const { return ranks_[place_of_[row]]; }
  // A row that is picked is no candidate any more.
  void pick(std::size_t row);
  // A row stored elsewhere, widened.
  void pick(std::span<const double> point);
  // Nothing is left to do after the first picks.
  void start(std::span<const std::size_t> /*picked*/) {}
  // The candidate with the largest rank, which must be picked next; no row if there is none. Ties
  // go to the lower row.
  [[nodiscard]] BestRow furthest() const { return nodes_[0].best; }
  // The same, which is then no candidate, until it is picked or put back.
  BestRow take_furthest();
  // Makes the row a candidate again, with what take_furthest() returned, before the next pick.
  void put_back(const BestRow& taken_row);

 private:
  struct Box {
    std::array<double, most_columns> low;
    std::array<double, most_columns> high;
  };
  // Of the rows at the places from begin to end; a leaf has no children. The first child is the
  // next node.
  struct Node {
    Box box;
    BestRow best;
    std::uint32_t begin;
    std::uint32_t end;
    std::uint32_t second_child = 0;
  };
  // What orders the rows: rounded, because the order decides the time only.
  struct Item {
    std::array<float, most_columns> coordinates;
    std::uint32_t row;
  };
  using Corner = std::array<float, most_columns>;

  [[nodiscard]] double rank(const std::array<double, most_columns>& a, const double* b) const;
  static std::size_t divide(std::span<Item> items, std::span<Item> space, std::size_t column,
                            float value);
  std::size_t add_nodes(std::span<Item> items, std::span<Item> space, std::uint32_t begin,
                        std::size_t rows_per_leaf, Job& job);
  void read_rows(const DistanceMeter<T>& meter, const std::vector<Item>& items, Job& job);
  void make_boxes(Job& job);
  // Measures the rows of a node against the pick, as far as they may be nearer to it.
  void show(std::size_t node, const double* pick);
  void find_best_of_leaf(Node& node, double best_rank);
  void join_children(std::size_t node);
  void find_best_on_path(std::size_t node, std::size_t place);

  const RowKernels<T>& kernels_;
  std::size_t n_columns_;
  std::vector<std::uint32_t> order_;  // the row at each place
  std::vector<std::uint32_t> place_of_;
  std::vector<T> columns_;     // by column and place
  std::vector<double> ranks_;  // by place, to the nearest pick; -infinity for no candidate
  std::vector<Node> nodes_;    // the first is the root
};

// Whether there are so many rows of so few coordinates that the tree pays.
bool is_worth_a_tree(std::uint64_t n_rows, std::uint64_t n_columns, std::uint64_t k);

std::uint64_t max_min_tree_memory(const SelectionSize& size);

}  // namespace thinset
