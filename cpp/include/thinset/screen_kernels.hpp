// Cheap float32 tests that spare exact arithmetic, one table of functions per instruction set.
//
// Nothing here decides a result: a screen may let too much pass, never too little, and what passes
// is measured exactly (row_kernels.hpp). So these loops may fuse and reorder as they like.
#pragma once

#include <cstddef>
#include <cstdint>

namespace thinset {

// Points lie in blocks of this many, coordinate by coordinate: one register holds one coordinate of
// a whole block.
inline constexpr std::size_t points_per_block = 16;

struct ScreenKernels {
  // out[i] = the sum over j of x[j] * directions[i * n + j], for i < n_directions.
  void (*project)(const float* x, const float* directions, std::size_t n, std::size_t n_directions,
                  float* out);
  // Looks through n_blocks blocks of points with n_coordinates each (a multiple of 4); writes to
  // `out` the numbers of those whose squared distance to `query` is at most `limit`, rising, and
  // returns how many. `out` needs room for all of them.
  std::size_t (*find_near)(const float* query, const float* blocks, std::size_t n_blocks,
                           std::size_t n_coordinates, float limit, std::uint32_t* out);
  // Bit i is set where values[i] >= limit; n <= 64.
  std::uint64_t (*find_at_least)(const double* values, std::size_t n, double limit);
};

// The table for current_instruction_set().
const ScreenKernels& screen_kernels();

}  // namespace thinset
