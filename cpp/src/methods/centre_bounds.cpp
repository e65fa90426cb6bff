#include "methods/centre_bounds.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "bounds/rounding.hpp"
#include "simd/screen_kernels.hpp"

namespace thinset {

namespace {

constexpr std::size_t most_groups = 64;  // what one word of near() has bits for
constexpr std::size_t groups_at_once = 16;
constexpr std::uint64_t always_granted = std::uint64_t{64} << 20;  // bytes
constexpr std::uint64_t share_granted = 4;                         // of the embeddings
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr double most_distance = std::numeric_limits<float>::max() / 2;

std::size_t blocks_of(std::size_t n_centres) {
  return (n_centres + points_per_block - 1) / points_per_block;
}

std::size_t in_whole_registers(std::size_t n_groups) {
  return (n_groups + groups_at_once - 1) / groups_at_once * groups_at_once;
}

// Per row.
std::size_t bounds_stored(const SelectionSize& size) {
  const std::uint64_t granted =
      std::max(always_granted, size.n_rows * size.n_columns * size.element_bytes / share_granted);
  std::size_t n = in_whole_registers(std::min(blocks_of(size.n_samples), most_groups));
  while (n > 0 && size.n_rows * n * sizeof(float) > granted) {
    n -= groups_at_once;
  }
  return n;
}

}  // namespace

CentreBounds::CentreBounds(const SelectionSize& size) : n_stored_(bounds_stored(size)) {
  const std::size_t n_blocks = blocks_of(size.n_samples);
  blocks_per_group_ = (n_blocks + most_groups - 1) / most_groups;
  if (n_stored_ > 0) {
    blocks_per_group_ = (n_blocks + n_stored_ - 1) / n_stored_;
  }
  n_groups_ = (n_blocks + blocks_per_group_ - 1) / blocks_per_group_;
  bounds_.assign(size.n_rows * n_stored_, 0.0F);
  drops_.assign(n_stored_, 0.0F);
}

std::size_t CentreBounds::group_of_centre(std::size_t centre) const {
  return group_of_block(centre / points_per_block);
}

void CentreBounds::move(std::span<const double> drifts) {
  if (n_stored_ == 0) {
    return;
  }
  std::ranges::fill(drops_, 0.0F);
  for (std::size_t c = 0; c < drifts.size(); ++c) {
    // Finite, since an infinite bound stays one; no finite bound is larger than the largest number.
    const float drop =
        drifts[c] < most_distance ? float_above(drifts[c]) : std::numeric_limits<float>::max();
    float& largest = drops_[group_of_centre(c)];
    largest = std::max(largest, drop);
  }
}

std::uint64_t CentreBounds::near(std::size_t row, double distance) {
  const std::uint64_t all = ~std::uint64_t{0} >> (most_groups - n_groups_);
  if (n_stored_ == 0) {
    return all;
  }
  // Kernels are off by much less.
  constexpr double error = 1e-9;
  const float limit = float_above(std::min(distance, most_distance) * (1.0 + error));
  return screen_kernels().lower_bounds(of(row), drops_.data(), n_stored_, limit) & all;
}

void CentreBounds::start(std::size_t row, std::size_t group) {
  if (n_stored_ > 0) {
    of(row)[group] = infinity;
  }
}

void CentreBounds::include(std::size_t row, std::size_t group, double distance) {
  if (n_stored_ > 0) {
    float& bound = of(row)[group];
    bound = std::min(bound, float_below(std::min(distance, most_distance / 2)));
  }
}

void CentreBounds::include(std::size_t row, std::span<const float> values, const RootBound& bound) {
  if (n_stored_ == 0) {
    return;
  }
  std::array<float, most_groups> least;
  const float* of_groups = values.data();
  if (blocks_per_group_ > 1) {
    least.fill(infinity);
    for (std::size_t block = 0; block < values.size(); ++block) {
      float& of_group = least[group_of_block(block)];
      of_group = std::min(of_group, values[block]);
    }
    of_groups = least.data();
  }
  screen_kernels().lower_bounds_to(of(row), of_groups, n_stored_, bound.shift, bound.factor,
                                   bound.drop);
}

void CentreBounds::forget(std::size_t row) { std::fill_n(of(row), n_stored_, 0.0F); }

std::uint64_t CentreBounds::memory(const SelectionSize& size) {
  return size.n_rows * bounds_stored(size) * sizeof(float);
}

}  // namespace thinset
