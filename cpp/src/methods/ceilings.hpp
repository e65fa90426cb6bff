// The state of every row in max-sum: its exact sum over some picks, and a ceiling on its sum over
// all.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "simd/screen_kernels.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// The exact sum of a row's distances to the first n_seen picks, and x.S of those (centred).
struct Standing {
  std::size_t row = 0;
  std::size_t n_seen = 0;
  double sum = 0.0;
  double dot = 0.0;
};

// A ceiling is never below the row's summed distance to the picks so far. Ceilings rise with the
// picks, which come in windows. The picks of a closed window add at most the Cauchy-Schwarz bound
// for the length of their centred sum; those of the open window add at most the bound of the
// triangle inequality through the centre. Rows are in blocks by descending radius. All rows of a
// block rise by the same amount, so most blocks are skipped as a whole. The invariants:
//   ceiling when the open window began <= base of the row + growth of its block,
//   ceiling now <= head of the row + what the open window adds at the radius of its block,
//   head of the row <= head of its block.
// A head starts as base + growth. Evaluating a row lowers its base and its head. A picked row has
// the base and the head -infinity.
//
// With weights, rows compete by sum * weight. Bases and growth stay sums; a head and what is
// compared with it are a ceiling times the row's bounding weight B, which is the weight raised by a
// relative 2^-48: products and quotients of it are off by less. The open window adds at most
// `risen` to the sum of a row, so at most risen * (the largest B) to its value:
//   value now <= (ceiling before the window - risen then) * B + risen now * B
//             <= head of the row + risen now * (the largest B).
// All weights are 0 or above, the largest of at most 2.
//
// A place is a position in the order of the blocks.
class Ceilings {
 public:
  static constexpr std::size_t rows_per_block = 64;

  // `slack`: relative error of sums. `weights`: per row, or empty for 1.
  Ceilings(std::size_t n_rows, double slack, const std::vector<double>& weights, Job& job);

  [[nodiscard]] std::size_t size() const { return standings_.size(); }
  [[nodiscard]] std::size_t n_blocks() const { return blocks_.size(); }
  [[nodiscard]] std::size_t place_of(std::size_t row) const { return place_of_[row]; }
  [[nodiscard]] Standing& standing(std::size_t place) { return standings_[place]; }
  [[nodiscard]] double radius(std::size_t place) const { return radius_[place]; }
  [[nodiscard]] double radius_of_block(std::size_t block) const { return blocks_[block].radius; }
  [[nodiscard]] bool is_picked(std::size_t place) const { return base_[place] == lowest; }
  // A row whose sum is below this has a value below the bar.
  [[nodiscard]] double bar_of(std::size_t place, double bar) const {
    return weight_.empty() ? bar : bar / weight_[place] * (bar < 0.0 ? 1.0 + 0x1p-47 : 1.0);
  }

  void pick(std::size_t place) {
    base_[place] = lowest;
    head_[place] = lowest;
  }

  // body(place) for all, in parallel.
  template <class Body>
  void for_each_place(std::size_t rows_at_once, const Body& body) {
    job_.parallel_for(size(), rows_at_once, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t place = begin; place < end; ++place) {
        body(place);
      }
    });
  }

  // Starts over with radius_of(row) for each row. The growth of the blocks must have been moved
  // into the bases.
  template <class RadiusOf>
  void sort_by_radius(const RadiusOf& radius_of) {
    for_each_place(rows_per_block,
                   [&](std::size_t place) { radius_[place] = radius_of(standings_[place].row); });
    sort_by_radius();
  }
  void sort_by_radius() { rearrange(by_falling_radius()); }
  void sort_by_row() { rearrange(std::vector<std::size_t>(place_of_)); }

  // Moves the growth of the row's block into the row's base. sort_by_radius must follow.
  void settle_growth(std::size_t place) { base_[place] += block_of(place).growth; }
  // Requires that all picks were seen and no window is open.
  void set_base(std::size_t place, double sum) { base_[place] = sum; }

  // Ends a window: the rows of a block at radius r rise by growth_of(r).
  template <class GrowthOf>
  void raise(const GrowthOf& growth_of) {
    job_.parallel_for(blocks_.size(), 64, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t b = begin; b < end; ++b) {
        Block& block = blocks_[b];
        block.growth += growth_of(block.radius);
        block.head = lowest;
        const std::size_t last = std::min(size(), (b + 1) * rows_per_block);
        for (std::size_t place = b * rows_per_block; place < last; ++place) {
          head_[place] = weighted(base_[place] + block.growth, place);
          block.head = std::max(block.head, head_[place]);
        }
      }
    });
  }

  // `ceiling` holds for the picks before the open window.
  void lower_base(std::size_t place, double ceiling) {
    const double growth = block_of(place).growth;
    base_[place] = std::min(base_[place], ceiling - growth + slack_ * (ceiling + growth));
  }
  // `ceiling` holds for all picks; `risen` is the amount that the open window adds at the radius of
  // the block.
  void lower_head(std::size_t place, double ceiling, double risen) {
    head_[place] =
        std::min(head_[place], weighted(ceiling - risen + slack_ * (ceiling + risen), place));
  }

  // body(place) for the rows of a block whose ceilings reach `bar`, if the open window adds
  // `risen`.
  template <class Body>
  void for_each_reaching(std::size_t b, double risen_sum, double bar, const Body& body) {
    Block& block = blocks_[b];
    const double risen = risen_sum * largest_weight_;
    if (block.head + risen < bar) {
      return;
    }
    const std::size_t begin = b * rows_per_block;
    const std::size_t n = std::min(size() - begin, rows_per_block);
    const double* heads = head_.data() + begin;
    const std::uint64_t reaching = screen_kernels().find_at_least(heads, n, bar - risen);
    for (std::uint64_t bits = reaching; bits != 0; bits &= bits - 1) {
      body(begin + static_cast<std::size_t>(std::countr_zero(bits)));
    }
    if (reaching == 0) {
      block.head = *std::max_element(heads, heads + n);
    }
  }

  // On terms with weights, 8 more.
  static std::uint64_t bytes_per_row() {
    return sizeof(Standing) + 3 * sizeof(double) + sizeof(std::size_t) +
           sizeof(Block) / rows_per_block;
  }

 private:
  static constexpr double lowest = -std::numeric_limits<double>::infinity();

  struct Block {
    double head = 0.0;
    double radius = 0.0;  // the largest of its rows
    double growth = 0.0;
  };

  [[nodiscard]] const Block& block_of(std::size_t place) const {
    return blocks_[place / rows_per_block];
  }
  // A bound on the value of a row with at most this sum; -infinity stays. Of a negative sum, the
  // bounding weight would give too little.
  [[nodiscard]] double weighted(double sum, std::size_t place) const {
    if (weight_.empty() || sum == lowest) {
      return sum;
    }
    return sum * weight_[place] * (sum < 0.0 ? 1.0 - 0x1p-47 : 1.0);
  }
  [[nodiscard]] std::vector<std::size_t> by_falling_radius() const;
  void rearrange(const std::vector<std::size_t>& order);

  Job& job_;
  double slack_;
  std::vector<std::size_t> place_of_;
  std::vector<Standing> standings_;
  std::vector<double> base_;
  std::vector<double> head_;
  std::vector<double> radius_;
  std::vector<double> weight_;  // bounding weights by place; empty: 1
  double largest_weight_ = 1.0;
  std::vector<Block> blocks_;
};

}  // namespace thinset
