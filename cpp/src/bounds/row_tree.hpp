// Which rows may be near to each other, by the boxes that their images under a Projection lie in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bounds/projection.hpp"
#include "rows/distance.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// An order of rows in which near ones are close together, and a balanced tree of boxes around them:
// a node halves its rows along the coordinate in which they spread most. Needs O(N) memory.
class RowTree {
 public:
  static constexpr std::size_t rows_per_leaf = 64;
  static constexpr std::size_t most_coordinates = 8;

  struct Box {
    std::array<float, most_coordinates> low{};
    std::array<float, most_coordinates> high{};
  };
  struct Run {
    std::size_t begin;
    std::size_t end;
  };

  // The first n_searched rows are ordered among themselves and have boxes; the others are ordered
  // only. The tree is made for searches of rows whose rank is at most `rank`.
  template <class T>
  RowTree(const DistanceMeter<T>& meter, const Projection& projection, std::size_t n_searched,
          double rank, Job& job);

  // The row at each place.
  [[nodiscard]] const std::vector<std::int64_t>& order() const { return order_; }

  // Replaces `runs` by runs of places in [begin, end) that hold every row whose rank to one of the
  // rows at `places` is at most the tree's rank. `begin` is a multiple of rows_per_leaf; runs begin
  // at such multiples, and only the last ends elsewhere.
  void find_near(Run places, std::size_t begin, std::size_t end, std::vector<Run>& runs) const;

 private:
  // The coordinates that are worth halving, the most telling first.
  template <class T>
  void choose_coordinates(const DistanceMeter<T>& meter);
  void order_places(Run places, std::size_t n_leaves, Job& job);
  void make_boxes(std::size_t node, std::size_t first_leaf, std::size_t n_leaves);
  void visit(std::size_t node, Run leaves, Run wanted, const Box& box, double square,
             std::vector<Run>& runs) const;
  [[nodiscard]] Box box_of(Run places) const;
  [[nodiscard]] const float* coordinates(std::size_t place) const {
    return coordinates_.data() + static_cast<std::size_t>(order_[place]) * chosen_.size();
  }

  const Projection& projection_;
  double rank_;
  std::size_t n_searched_;
  std::size_t n_leaves_ = 1;  // a power of two, of which the last may be empty
  std::vector<std::size_t> chosen_;
  std::vector<std::int64_t> order_;
  std::vector<float> coordinates_;  // the chosen ones of each row
  std::vector<float> radii_;        // of each row, rounded up
  std::vector<Box> boxes_;          // node 1 is the root, nodes 2n and 2n + 1 are the children of n
};

}  // namespace thinset
