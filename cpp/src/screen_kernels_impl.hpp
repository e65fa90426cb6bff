// The loops of screen_kernels.hpp, compiled once per instruction set into a namespace of its own.
//
// Included by screen_kernels_<set>.cpp alone, with THINSET_KERNELS_NAMESPACE defined. As in
// row_kernels_impl.hpp, nothing here may call an inline function of another header.

#include "lanes.hpp"
#include "thinset/screen_kernels.hpp"

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

// Writes the numbers of the lanes at or under the limit.
inline std::size_t list_near(const Floats& squared, float limit, std::size_t block,
                             std::uint32_t* out) {
  std::size_t n = 0;
  for (std::uint32_t bits = bits_at_most(squared, limit); bits != 0; bits &= bits - 1) {
    out[n++] = static_cast<std::uint32_t>(block * n_lanes) +
               static_cast<std::uint32_t>(__builtin_ctz(bits));
  }
  return n;
}

// `width` blocks side by side: every coordinate of the query is broadcast once for all of them.
template <std::size_t width>
inline std::size_t find_near_side_by_side(const float* query, const float* blocks,
                                          std::size_t block, std::size_t n_coordinates, float limit,
                                          std::uint32_t* out) {
  const std::size_t stride = n_coordinates * n_lanes;
  const float* points = blocks + block * stride;
  Floats squared[width] = {};
  for (std::size_t j = 0; j < n_coordinates; ++j) {
    const Floats coordinate = all_lanes(query[j]);
    for (std::size_t w = 0; w < width; ++w) {
      const Floats difference = coordinate - load_floats(points + w * stride + j * n_lanes);
      squared[w] += difference * difference;
    }
  }
  std::size_t n = 0;
  for (std::size_t w = 0; w < width; ++w) {
    n += list_near(squared[w], limit, block + w, out + n);
  }
  return n;
}

std::size_t find_near(const float* query, const float* blocks, std::size_t n_blocks,
                      std::size_t n_coordinates, float limit, std::uint32_t* out) {
  constexpr std::size_t width = 4;
  std::size_t n = 0;
  std::size_t block = 0;
  for (; block + width <= n_blocks; block += width) {
    n += find_near_side_by_side<width>(query, blocks, block, n_coordinates, limit, out + n);
  }
  for (; block < n_blocks; ++block) {
    n += find_near_side_by_side<1>(query, blocks, block, n_coordinates, limit, out + n);
  }
  return n;
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
const ScreenKernels screen_kernels = {&project, &find_near, &find_at_least};

}  // namespace thinset::THINSET_KERNELS_NAMESPACE
