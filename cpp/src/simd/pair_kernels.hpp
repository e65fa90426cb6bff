// Bounds of sums over all pairs of points, in float32, one function per instruction set.
//
// Nothing here decides a result: undecided pairs are measured exactly (row_kernels.hpp). So these
// loops may fuse and reorder operations.
#pragma once

#include <cstddef>
#include <cstdint>

namespace thinset {

// What a pair adds: its squared distance, its distance, or minus its Gaussian similarity.
struct PairValue {
  enum class Kind { square, root, gaussian } kind = Kind::square;
  // gaussian: the similarity min(1, raised * exp(-square * exponent)), within 2^-20 of exp().
  // Products above 80 count as 80.
  float exponent = 0.0F;
  float raised = 1.0F;
};

// One side of many pairs. `norms` are squared lengths, lowered by the rounding error of a squared
// distance. Padding has the values 0, a reach of -2 and the norm minus infinity: its squares are 0
// (gaussian: plus infinity, so that similarities are as small as they get). A pair of value v adds
// v to the sum of both points, and each point's reach - v, if positive, to the gain of the other.
struct PairSide {
  const float* values;
  const float* norms;
  const float* reaches;
  float* sums;
  float* gains;
  std::size_t n;
};

// Queries come in groups of this size; each has 16 sums and 16 gains, which the caller adds.
inline constexpr std::size_t queries_per_group = 8;
// Points are in blocks of 16 as in screen_kernels.hpp, and come in groups of this many blocks.
inline constexpr std::size_t blocks_per_group = 2;

// Query number `query` is within its reach of some point, at distance v.
struct PairInReach {
  std::uint32_t query;
  float v;
};

struct PairKernels {
  // Adds all pairs of a query (its values are contiguous) and a point. v never exceeds the exact
  // value. Query sums take n points / 16 additions, point sums one per query.
  void (*add_pairs)(const PairSide& queries, const PairSide& points, std::size_t n_coordinates,
                    const PairValue& value);
  // Adds only to the gains of points, at most one term per query, and lists the pairs within the
  // reach of their query: those of point p at found[p * queries.n], by ascending query, and their
  // number at n_found[p].
  void (*find_in_reach)(const PairSide& queries, const PairSide& points, std::size_t n_coordinates,
                        const PairValue& value, PairInReach* found, std::uint32_t* n_found);
};

// The table for current_instruction_set().
const PairKernels& pair_kernels();

}  // namespace thinset
