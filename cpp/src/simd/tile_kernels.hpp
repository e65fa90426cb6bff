// Cheap tests for many points at once on a processor's matrix unit (Intel AMX), of which few have
// one. Like screen_kernels.hpp, nothing here decides a result.
#pragma once

#include <cstddef>
#include <cstdint>

namespace thinset {

// A tile holds 32 coordinates of 16 queries or points, which are padded with zeros. A coordinate is
// kept as two numbers of bfloat16, in two tiles: the nearest one, and the nearest to the rest.
inline constexpr std::size_t tile_rows = 16;
inline constexpr std::size_t tile_coordinates = 32;
// Queries are looked for in up to this many groups of 16, as are points.
inline constexpr std::size_t most_tile_groups = 4;

// Tiles are made of these, so that none of their rows crosses a cache line.
struct alignas(64) TileRow {
  std::uint16_t values[tile_coordinates];
};

// 16 queries or points take 2 * tile_rows * ceil(n_coordinates / tile_coordinates) rows of tiles.
struct TileKernels {
  // Fills the tiles of up to 16 queries; those of null pointers stay as they are.
  void (*split_queries)(const float* const* queries, std::size_t n_queries,
                        std::size_t n_coordinates, TileRow* tiles);
  // The same for a block of points as in screen_kernels.hpp.
  void (*split_points)(const float* block, std::size_t n_coordinates, TileRow* tiles);
  // ScreenKernels::find_near_in_blocks for the queries that have their bit in `wanted`: `limits`
  // and `near` are those of query q at q, and above[q * stride + b] that of block b. The error of a
  // value is at most (n_coordinates / 8 + 820) 2^-24 (|p|^2 + |q|^2) + n_coordinates 2^-122 (1 +
  // |p| + |q|), if the norms are at most 2^60.
  void (*find_near_in_blocks)(const TileRow* queries, const float* limits, std::uint64_t wanted,
                              const TileRow* points, const float* square_norms,
                              std::size_t n_blocks, std::size_t n_coordinates, std::uint64_t* near,
                              float* above, std::size_t stride);
};

// Null if the processor has no such unit, the system does not let this process use it, or
// current_instruction_set() is not the widest.
const TileKernels* tile_kernels();

}  // namespace thinset
