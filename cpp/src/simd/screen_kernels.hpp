// Cheap float32 tests that avoid exact arithmetic, one table of functions per instruction set.
//
// Nothing here decides a result: a screen may pass too much, never too little, and everything that
// passes is measured exactly (row_kernels.hpp). So these loops may fuse and reorder operations.
#pragma once

#include <cstddef>
#include <cstdint>

#include "thinset/element.hpp"

namespace thinset {

// Points are stored in blocks of this size, coordinate by coordinate: one register holds one
// coordinate of a whole block.
inline constexpr std::size_t points_per_block = 16;
// They are screened in groups of four blocks: one word has a bit for each point.
inline constexpr std::size_t points_per_group = 64;

struct ScreenKernels {
  // out[i] = the sum over j of x[j] * directions[i * n + j], for i < n_directions.
  void (*project)(const float* x, const float* directions, std::size_t n, std::size_t n_directions,
                  float* out);
  // Bit p of near[q * n_groups + g] is set if point p of group g has |p|^2 - 2 p.q of at most
  // limits[q], in float32: its error is at most (n_coordinates + 4) 2^-24 (|p|^2 + |q|^2). Queries
  // are stored one after the other; `square_norms` holds every |p|^2.
  void (*find_near)(const float* queries, const float* limits, std::size_t n_queries,
                    const float* blocks, const float* square_norms, std::size_t n_groups,
                    std::size_t n_coordinates, std::uint64_t* near);
  // The same for queries that lie anywhere, and for at most four blocks: bit p of near[q] is that
  // of point p. Also, above[q][b] becomes the smallest such value of block b that is above
  // limits[q], or infinity.
  void (*find_near_in_blocks)(const float* const* queries, const float* limits,
                              std::size_t n_queries, const float* blocks, const float* square_norms,
                              std::size_t n_blocks, std::size_t n_coordinates, std::uint64_t* near,
                              float* const* above);
  // Here the queries are lanes: coordinate j of query q is columns[j * points_per_group + q], and
  // n_queries is a multiple of 16, at most 64. Points are stored one after the other, each as its
  // |p|^2 and its coordinates times -2. nearest[q] becomes the number of the point with the
  // smallest |p|^2 - 2 p.q, the first of several, and second[q] the smallest such value of the
  // others, or infinity; the error is at most (2 n_coordinates + 4) 2^-24 (|p|^2 + |q|^2).
  void (*find_nearest_two)(const float* columns, std::size_t n_queries, const float* points,
                           std::size_t n_points, std::size_t n_coordinates, std::uint32_t* nearest,
                           float* second);
  // For bounds on distances; n is a multiple of 16, and at most 64. Lowers each bound to at most
  // bounds[i] - drops[i], where drops are not negative, and returns in bit i whether it is then at
  // most `limit`.
  std::uint64_t (*lower_bounds)(float* bounds, const float* drops, std::size_t n, float limit);
  // Lowers bound i to factor * sqrt(values[i] + shift) - drop if that is less, taking the root of
  // negative numbers as 0.
  void (*lower_bounds_to)(float* bounds, const float* values, std::size_t n, float shift,
                          float factor, float drop);
  // out[i] is a number of half precision next to values[i]: infinite beyond their range, and the
  // nearest one if the processor can round so.
  void (*halve)(const float* values, std::size_t n, Float16* out);
  // Bit i is set if values[i] >= limit; n <= 64.
  std::uint64_t (*find_at_least)(const double* values, std::size_t n, double limit);
};

// The table for current_instruction_set().
const ScreenKernels& screen_kernels();

}  // namespace thinset
