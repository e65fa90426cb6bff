// Farthest-point selection among points of few coordinates, with a tree of boxes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "rows/best_row.hpp"
#include "rows/distance.hpp"
#include "rows/selection_size.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Euclidean distances only. Rows are ordered by a balanced tree that halves them along the
// coordinate in which they spread most. A node knows its box and the largest rank of its candidates
// to their nearest pick. A new pick cannot be nearer to a row than to the closest point of a box
// around it, so only nodes with a candidate that may be further from all earlier picks are visited.
// The square of that distance is added up as those of rows are: each difference is at most as
// large, and rounding keeps the order, so the comparison needs no margin.
class MaxMinTree {
 public:
  static constexpr std::size_t most_columns = 4;

  // For k picks: a fine tree takes longer to make, a coarse one measures more rows for each pick.
  template <class T>
  MaxMinTree(const DistanceMeter<T>& meter, std::size_t k, Job& job);

  // The rank of a row to the nearest pick so far, if it has not been picked.
  [[nodiscard]] double rank_of(std::size_t row) const { return ranks_[place_of_[row]]; }
  // A row that is picked is no candidate any more.
  void pick(std::size_t row);
  // A row stored elsewhere, widened.
  void pick(std::span<const double> point);
  // Whether the row, which is not picked, is a candidate.
  void set_candidate(std::size_t row, bool is_candidate);
  // Nothing is left to do after the first picks.
  void start(std::span<const std::size_t> /*picked*/) {}
  // The candidate with the largest rank, which must be picked next; no row if there is none. Ties
  // go to the lower row.
  [[nodiscard]] BestRow take_furthest() const { return best_[1]; }

 private:
  // The coordinates that a row does not have are 0.
  using Coordinates = std::array<double, most_columns>;
  struct Run {
    std::size_t begin;
    std::size_t end;
  };
  struct Box {
    Coordinates low;
    Coordinates high;
  };
  // What orders a place: rounded, because the order decides the time only.
  struct Key {
    float coordinate;
    std::uint32_t place;
  };
  struct Scratch {
    std::vector<Key> keys;
    std::vector<Coordinates> points;
    std::vector<std::uint32_t> rows;
  };

  // The rank that DistanceMeter gives: the kernels add the squares of four columns in this order.
  static double rank(const Coordinates& a, const Coordinates& b) {
    Coordinates squares;
    for (std::size_t j = 0; j < most_columns; ++j) {
      squares[j] = (a[j] - b[j]) * (a[j] - b[j]);
    }
    return (squares[0] + squares[2]) + (squares[1] + squares[3]);
  }

  [[nodiscard]] bool is_leaf(Run places) const {
    return places.end - places.begin <= rows_per_leaf_;
  }
  void order_places(std::size_t node, Run places, Scratch& scratch, Job& job);
  // Measures the rows of a node against the pick, as far as they may be nearer to it.
  void show(std::size_t node, Run places, const Coordinates& pick);
  void find_best(std::size_t node, Run places);
  void find_best_on_path(std::size_t node, Run places, std::size_t place);

  std::size_t rows_per_leaf_;
  std::vector<std::uint32_t> order_;  // the row at each place
  std::vector<std::uint32_t> place_of_;
  std::vector<Coordinates> points_;  // by place
  std::vector<double> ranks_;        // to the nearest pick, by place
  std::vector<char> is_picked_;      // by place
  // Node 1 is the root, nodes 2n and 2n + 1 are the children of n.
  std::vector<Box> boxes_;
  std::vector<BestRow> best_;
};

// Whether there are so many rows of so few coordinates that the tree pays.
bool is_worth_a_tree(std::uint64_t n_rows, std::uint64_t n_columns, std::uint64_t k);

std::uint64_t max_min_tree_memory(const SelectionSize& size);

}  // namespace thinset
