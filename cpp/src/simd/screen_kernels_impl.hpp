// The loops of screen_kernels.hpp, compiled once per instruction set into a namespace of its own.
//
// Included only by screen_kernels_<set>.cpp, with THINSET_KERNELS_NAMESPACE defined. As in
// row_kernels_impl.hpp, nothing here may call an inline function of another header.

#include "simd/lanes.hpp"
#include "simd/screen_kernels.hpp"

namespace thinset::THINSET_KERNELS_NAMESPACE {

namespace {

static_assert(points_per_block == n_lanes);

void project(const float* x, const float* directions, std::size_t n, std::size_t n_directions,
             float* out) {
  for (std::size_t i = 0; i < n_directions; ++i) {
    const float* direction = directions + i * n;
    Floats lanes{};
    std::size_t j = 0;
    for (; j + n_lanes <= n; j += n_lanes) lanes += load_floats(x + j) * load_floats(direction + j);
    if (j < n) lanes += load_floats(x + j, n - j) * load_floats(direction + j, n - j);
    out[i] = sum_lanes(lanes);
  }
}

// As many dot products at once as registers hold; never too few to fill the pipeline.
constexpr std::size_t queries_at_once = register_bytes == 64 ? 8 : 4;
constexpr std::size_t blocks_per_group = points_per_group / points_per_block;
constexpr std::size_t blocks_beside(std::size_t n_queries) {
  if (n_queries == 1) return 4;
  if (register_bytes == 64) return n_queries <= 4 ? 4 : 2;
  return n_queries == 2 ? 2 : 1;
}

struct Search {
  const float* queries;
  const float* limits;
  const float* blocks;
  const float* square_norms;
  std::size_t n_groups;
  std::size_t n_coordinates;
  std::uint64_t* near;
};

// Some queries and some neighbouring blocks.
template <std::size_t n_queries, std::size_t n_blocks>
inline void find_near_at(const Search& search, std::size_t query, std::size_t block) {
  const std::size_t n = search.n_coordinates;
  Dots<n_queries, n_blocks> dots;
  multiply(search.queries + query * n, search.blocks + block * n * n_lanes, n, dots);
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const Floats norms = load_floats(search.square_norms + (block + b) * n_lanes);
    const std::size_t shift = (block + b) % blocks_per_group * n_lanes;
    for (std::size_t q = 0; q < n_queries; ++q) {
      const Floats twice = dots.of[q][b] + dots.of[q][b];
      const std::uint64_t bits = bits_at_most(norms - twice, search.limits[query + q]);
      search.near[(query + q) * search.n_groups + block / blocks_per_group] |= bits << shift;
    }
  }
}

// The last `n_left` of the queries, at most n_at_most.
template <std::size_t n_at_most>
inline void find_near_for_last(const Search& search, std::size_t n_queries, std::size_t n_left,
                               std::size_t first_block) {
  if constexpr (n_at_most > 0) {
    if (n_left < n_at_most) {
      find_near_for_last<n_at_most - 1>(search, n_queries, n_left, first_block);
      return;
    }
    constexpr std::size_t width = blocks_beside(n_at_most);
    for (std::size_t b = 0; b < blocks_per_group; b += width) {
      find_near_at<n_at_most, width>(search, n_queries - n_at_most, first_block + b);
    }
  }
}

void find_near(const float* queries, const float* limits, std::size_t n_queries,
               const float* blocks, const float* square_norms, std::size_t n_groups,
               std::size_t n_coordinates, std::uint64_t* near) {
  const Search search{queries, limits, blocks, square_norms, n_groups, n_coordinates, near};
  for (std::size_t i = 0; i < n_queries * n_groups; ++i) near[i] = 0;
  const std::size_t n_left = n_queries % queries_at_once;
  for (std::size_t group = 0; group < n_groups; ++group) {
    const std::size_t first = group * blocks_per_group;
    constexpr std::size_t width = blocks_beside(queries_at_once);
    for (std::size_t block = first; block < first + blocks_per_group; block += width) {
      for (std::size_t query = 0; query < n_queries - n_left; query += queries_at_once) {
        find_near_at<queries_at_once, width>(search, query, block);
      }
    }
    find_near_for_last<queries_at_once - 1>(search, n_queries, n_left, first);
  }
}

struct BlockSearch {
  const float* const* queries;
  const float* limits;
  const float* blocks;
  const float* square_norms;
  std::size_t n_coordinates;
  std::uint64_t* near;
  float* const* above;
};

template <std::size_t n_queries, std::size_t n_blocks>
inline void find_near_in_blocks_at(const BlockSearch& search, std::size_t query,
                                   std::size_t block) {
  const std::size_t n = search.n_coordinates;
  Dots<n_queries, n_blocks> dots;
  multiply(search.queries + query, search.blocks + block * n * n_lanes, n, dots);
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const Floats norms = load_floats(search.square_norms + (block + b) * n_lanes);
    for (std::size_t q = 0; q < n_queries; ++q) {
      const Floats values = norms - (dots.of[q][b] + dots.of[q][b]);
      const float limit = search.limits[query + q];
      const std::uint64_t bits = bits_at_most(values, limit);
      search.near[query + q] |= bits << ((block + b) * n_lanes);
      search.above[query + q][block + b] = smallest_above(values, limit);
    }
  }
}

// Some of the last queries, at most n_at_most, and n_blocks blocks.
template <std::size_t n_at_most>
inline void find_near_in_blocks_for_last(const BlockSearch& search, std::size_t query,
                                         std::size_t n_left, std::size_t n_blocks) {
  if constexpr (n_at_most > 0) {
    if (n_left < n_at_most) {
      find_near_in_blocks_for_last<n_at_most - 1>(search, query, n_left, n_blocks);
      return;
    }
    constexpr std::size_t width = blocks_beside(n_at_most);
    std::size_t block = 0;
    for (; block + width <= n_blocks; block += width) {
      find_near_in_blocks_at<n_at_most, width>(search, query, block);
    }
    for (; block < n_blocks; ++block) find_near_in_blocks_at<n_at_most, 1>(search, query, block);
  }
}

void find_near_in_blocks(const float* const* queries, const float* limits, std::size_t n_queries,
                         const float* blocks, const float* square_norms, std::size_t n_blocks,
                         std::size_t n_coordinates, std::uint64_t* near, float* const* above) {
  const BlockSearch search{queries, limits, blocks, square_norms, n_coordinates, near, above};
  for (std::size_t q = 0; q < n_queries; ++q) near[q] = 0;
  constexpr std::size_t at_once = register_bytes == 64 ? 12 : queries_at_once;
  constexpr std::size_t width = register_bytes == 64 ? 2 : 1;
  const std::size_t n_left = n_queries % at_once;
  // The nearest cache holds the coordinates of so few blocks.
  for (std::size_t block = 0; block < n_blocks; block += width) {
    for (std::size_t query = 0; query < n_queries - n_left; query += at_once) {
      if (block + width <= n_blocks) {
        find_near_in_blocks_at<at_once, width>(search, query, block);
      } else {
        find_near_in_blocks_at<at_once, 1>(search, query, block);
      }
    }
  }
  find_near_in_blocks_for_last<at_once - 1>(search, n_queries - n_left, n_left, n_blocks);
}

// Of n_registers registers of queries.
template <std::size_t n_registers>
inline void find_nearest_two_of(const float* columns, const float* points, std::size_t n_points,
                                std::size_t n_coordinates, std::uint32_t* nearest, float* second) {
  Floats smallest[n_registers];
  Floats next[n_registers];
  Lanes<std::uint32_t> numbers[n_registers] = {};
  for (std::size_t r = 0; r < n_registers; ++r) {
    smallest[r] = next[r] = all_lanes(__builtin_inff());
  }
  for (std::size_t p = 0; p < n_points; ++p) {
    const float* point = points + p * (n_coordinates + 1);
    Floats values[n_registers];
    for (std::size_t r = 0; r < n_registers; ++r) values[r] = all_lanes(point[0]);
    for (std::size_t j = 0; j < n_coordinates; ++j) {
      const Floats coordinate = all_lanes(point[j + 1]);
      for (std::size_t r = 0; r < n_registers; ++r) {
        values[r] += load_floats(columns + j * points_per_group + r * n_lanes) * coordinate;
      }
    }
    const Lanes<std::uint32_t> number = all_lanes(static_cast<std::uint32_t>(p));
    for (std::size_t r = 0; r < n_registers; ++r) {
      next[r] = smaller(next[r], larger(values[r], smallest[r]));
      numbers[r] = where_less(values[r], smallest[r], number, numbers[r]);
      smallest[r] = smaller(values[r], smallest[r]);
    }
  }
  for (std::size_t r = 0; r < n_registers; ++r) {
    store(nearest + r * n_lanes, numbers[r]);
    store(second + r * n_lanes, next[r]);
  }
}

void find_nearest_two(const float* columns, std::size_t n_queries, const float* points,
                      std::size_t n_points, std::size_t n_coordinates, std::uint32_t* nearest,
                      float* second) {
  constexpr std::size_t at_once = register_bytes == 64 ? 4 : 1;
  const std::size_t n = n_queries / n_lanes;
  std::size_t r = 0;
  for (; r + at_once <= n; r += at_once) {
    find_nearest_two_of<at_once>(columns + r * n_lanes, points, n_points, n_coordinates,
                                 nearest + r * n_lanes, second + r * n_lanes);
  }
  for (; r < n; ++r) {
    find_nearest_two_of<1>(columns + r * n_lanes, points, n_points, n_coordinates,
                           nearest + r * n_lanes, second + r * n_lanes);
  }
}

std::uint64_t lower_bounds(float* bounds, const float* drops, std::size_t n, float limit) {
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < n; i += n_lanes) {
    // The factor covers the rounding of both operations.
    const Floats lowered =
        load_floats(bounds + i) * all_lanes(1.0F - 0x1p-22F) - load_floats(drops + i);
    store(bounds + i, lowered);
    found |= std::uint64_t{bits_at_most(lowered, limit)} << i;
  }
  return found;
}

void lower_bounds_to(float* bounds, const float* values, std::size_t n, float shift, float factor,
                     float drop) {
  for (std::size_t i = 0; i < n; i += n_lanes) {
    const Floats squares = larger(load_floats(values + i) + all_lanes(shift), Floats{});
    const Floats lowered = square_roots(squares) * all_lanes(factor) - all_lanes(drop);
    store(bounds + i, smaller(load_floats(bounds + i), lowered));
  }
}

void halve(const float* values, std::size_t n, Float16* out) {
  std::size_t i = 0;
  for (; i + n_lanes <= n; i += n_lanes) store(out + i, load_floats(values + i));
  if (i < n) {
    Float16 rest[n_lanes];
    store(rest, load_floats(values + i, n - i));
    for (std::size_t l = 0; l < n - i; ++l) out[i + l] = rest[l];
  }
}

std::uint64_t find_at_least(const double* values, std::size_t n, double limit) {
  std::uint64_t found = 0;
  std::size_t i = 0;
  for (; i + n_lanes <= n; i += n_lanes) {
    found |= std::uint64_t{bits_at_least(load_doubles(values + i), limit)} << i;
  }
  for (; i < n; ++i) found |= std::uint64_t{values[i] >= limit ? 1U : 0U} << i;
  return found;
}

}  // namespace

extern const ScreenKernels screen_kernels;
const ScreenKernels screen_kernels = {
    &project,         &find_near, &find_near_in_blocks, &find_nearest_two, &lower_bounds,
    &lower_bounds_to, &halve,     &find_at_least};

}  // namespace thinset::THINSET_KERNELS_NAMESPACE
