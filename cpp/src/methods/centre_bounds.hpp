// Lower bounds on distances from rows to groups of centres, which last while the centres move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bounds/root_bound.hpp"
#include "rows/selection_size.hpp"

namespace thinset {

// A group is some neighbouring blocks of 16 centres (screen_kernels.hpp). The bounds of a row are
// on the distances to all centres but the row's own. When centres move, bounds fall by the largest
// movement in the group, so that most groups need no search for most rows (Ding et al., "Yinyang
// K-Means", ICML 2015). Large data have fewer groups, or none: then every group is always near.
class CentreBounds {
 public:
  explicit CentreBounds(const SelectionSize& size);

  [[nodiscard]] std::size_t n_groups() const { return n_groups_; }
  [[nodiscard]] std::size_t group_of_block(std::size_t block) const {
    return block / blocks_per_group_;
  }
  [[nodiscard]] std::size_t group_of_centre(std::size_t centre) const;

  // Centre c has moved by at most drifts[c]. Then near() must be called once for every row.
  void move(std::span<const double> drifts);
  // Bit g is set if a centre of group g, other than the own one of the row, may be as near as the
  // distance, which may have the rounding errors of a kernel.
  std::uint64_t near(std::size_t row, double distance);

  // The centres of a group are looked at for the row: its bound starts at infinity.
  void start(std::size_t row, std::size_t group);
  // One of them, not the row's own, has at least this distance.
  void include(std::size_t row, std::size_t group, double distance);
  // Others have values of at least these, by block; infinity if there are none. There is room for
  // a whole number of registers of values.
  void include(std::size_t row, std::span<const float> values, const RootBound& bound);
  // Nothing is known about a row, for instance because its own centre has changed.
  void forget(std::size_t row);

  static std::uint64_t memory(const SelectionSize& size);

 private:
  [[nodiscard]] float* of(std::size_t row) { return bounds_.data() + row * n_stored_; }

  std::size_t blocks_per_group_;
  std::size_t n_groups_;
  std::size_t n_stored_;  // a whole number of registers, or 0
  std::vector<float> bounds_;
  std::vector<float> drops_;
};

}  // namespace thinset
