// Bounds of sums over all pairs of points, in float32, one function per instruction set.
//
// Nothing here decides a result: what the bounds leave in doubt is measured exactly
// (row_kernels.hpp). So these loops may fuse and reorder as they like.
#pragma once

#include <cstddef>
#include <cstdint>

namespace thinset {

// One side of many pairs. `norms` are squared lengths, lowered by what rounding may add to a
// squared distance (minus infinity for padding, whose values and reaches are 0). A pair that is v
// apart adds v to the sum of either point, and what v leaves of a point's reach to the gain of the
// other.
struct PairSide {
  const float* values;
  const float* norms;
  const float* reaches;
  float* sums;
  float* gains;
  std::size_t n;
};

// Queries come by this many; each has 16 sums and 16 gains, to be added by the caller.
inline constexpr std::size_t queries_per_group = 8;
// Points lie in blocks of 16 as in screen_kernels.hpp, and come by this many blocks.
inline constexpr std::size_t blocks_per_group = 2;

// Query number `query` is within its reach of some point, v apart.
struct PairInReach {
  std::uint32_t query;
  float v;
};

struct PairKernels {
  // Adds all pairs of a query (its values lie together) and a point. v is the distance where
  // `roots`, else its square, never more than the exact value. Query sums take n points / 16
  // additions, point sums one per query.
  void (*add_pairs)(const PairSide& queries, const PairSide& points, std::size_t n_coordinates,
                    bool roots);
  // Adds to the gains of points alone, at most one term per query, and lists the pairs that are
  // in the reach of their query: those of point p at found[p * queries.n], by rising query, and
  // their number at n_found[p].
  void (*find_in_reach)(const PairSide& queries, const PairSide& points, std::size_t n_coordinates,
                        bool roots, PairInReach* found, std::uint32_t* n_found);
};

// The table for current_instruction_set().
const PairKernels& pair_kernels();

}  // namespace thinset
