// The loops of tile_kernels.hpp for Intel AMX and AVX-512 with bfloat16.
//
// See lanes.hpp on what may be called here.
#include <immintrin.h>

#include "simd/tile_kernels.hpp"

namespace thinset::kernels_amx {

namespace {

constexpr std::size_t bytes_per_row = sizeof(TileRow);

// Of 16 queries or points.
inline std::size_t rows_of_tiles(std::size_t n_coordinates) {
  return (n_coordinates + tile_coordinates - 1) / tile_coordinates * 2 * tile_rows;
}

// The number next to each value, in the upper half of a lane; with zeros below, it is a float.
inline __m512i halves_of(__m512 values) {
  const __m256i nearest = (__m256i)_mm512_cvtneps_pbh(values);
  return _mm512_slli_epi32(_mm512_cvtepu16_epi32(nearest), 16);
}

struct Split {
  __m512i high, low;
};

inline Split split(__m512 values) {
  const __m512i high = halves_of(values);
  return {high, halves_of(_mm512_sub_ps(values, _mm512_castsi512_ps(high)))};
}

// Pairs of neighbouring numbers, as the unit multiplies them: `first` in the lower half of a lane.
inline __m512i pairs_of(__m512i first, __m512i second) {
  return _mm512_or_si512(_mm512_srli_epi32(first, 16), second);
}

// 32 halves in the upper parts of lanes, in the order of the lanes.
inline void store_halves(TileRow* to, __m512i first, __m512i second) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(to->values),
                     _mm512_cvtepi32_epi16(_mm512_srli_epi32(first, 16)));
  _mm256_store_si256(reinterpret_cast<__m256i*>(to->values + 16),
                     _mm512_cvtepi32_epi16(_mm512_srli_epi32(second, 16)));
}

inline __mmask16 first_lanes(std::size_t n) {
  return static_cast<__mmask16>(n >= 16 ? 0xffffU : (1U << n) - 1U);
}

void split_queries(const float* const* queries, std::size_t n_queries, std::size_t n_coordinates,
                   TileRow* tiles) {
  for (std::size_t q = 0; q < n_queries; ++q) {
    if (queries[q] == nullptr) continue;
    TileRow* to = tiles + q;
    for (std::size_t j = 0; j < n_coordinates; j += tile_coordinates) {
      const std::size_t left = n_coordinates - j;
      const __mmask16 of_second = first_lanes(left > 16 ? left - 16 : 0);
      const Split first = split(_mm512_maskz_loadu_ps(first_lanes(left), queries[q] + j));
      const Split second = split(_mm512_maskz_loadu_ps(of_second, queries[q] + j + 16));
      store_halves(to, first.high, second.high);
      store_halves(to + tile_rows, first.low, second.low);
      to += 2 * tile_rows;
    }
  }
}

void split_points(const float* block, std::size_t n_coordinates, TileRow* tiles) {
  for (std::size_t j = 0; j < n_coordinates; j += tile_coordinates) {
    for (std::size_t pair = 0; pair < tile_coordinates / 2; ++pair) {
      const std::size_t at = j + 2 * pair;
      Split first{};
      Split second{};
      if (at < n_coordinates) first = split(_mm512_loadu_ps(block + at * 16));
      if (at + 1 < n_coordinates) second = split(_mm512_loadu_ps(block + (at + 1) * 16));
      _mm512_store_si512(tiles + pair, pairs_of(first.high, second.high));
      _mm512_store_si512(tiles + tile_rows + pair, pairs_of(first.low, second.low));
    }
    tiles += 2 * tile_rows;
  }
}

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t bytes_per_row_of[16] = {};
  std::uint8_t rows_of[16] = {};
};

// The dot products of 16 queries and 16 points, a query after the other.
struct alignas(64) Products {
  float of[tile_rows][tile_rows];
};

// Tiles 0 to 3 hold sums, the others what is multiplied.
inline void clear_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}
inline void store_sums(Products* out) {
  _tile_stored(0, out[0].of, bytes_per_row);
  _tile_stored(1, out[1].of, bytes_per_row);
  _tile_stored(2, out[2].of, bytes_per_row);
  _tile_stored(3, out[3].of, bytes_per_row);
}
// Adds the products of the queries in tiles 4 and 5 and the points in tiles 6 and 7.
inline void add_two_by_two() {
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

// Products of two lower parts are left out.
//
// Of two groups of queries and two blocks of points: out[2 * group + block].
void multiply_two(const TileRow* const* queries, const TileRow* const* points,
                  std::size_t n_coordinates, Products* out) {
  clear_sums();
  for (std::size_t at = 0; at < rows_of_tiles(n_coordinates); at += 2 * tile_rows) {
    const std::size_t low = at + tile_rows;
    _tile_loadd(4, queries[0] + at, bytes_per_row);
    _tile_loadd(5, queries[1] + at, bytes_per_row);
    _tile_loadd(6, points[0] + low, bytes_per_row);
    _tile_loadd(7, points[1] + low, bytes_per_row);
    add_two_by_two();
    _tile_loadd(6, points[0] + at, bytes_per_row);
    _tile_loadd(7, points[1] + at, bytes_per_row);
    add_two_by_two();
    _tile_loadd(4, queries[0] + low, bytes_per_row);
    _tile_loadd(5, queries[1] + low, bytes_per_row);
    add_two_by_two();
  }
  store_sums(out);
}

// Of four groups of queries and one block of points: out[group].
void multiply_one(const TileRow* const* queries, const TileRow* points, std::size_t n_coordinates,
                  Products* out) {
  clear_sums();
  for (std::size_t at = 0; at < rows_of_tiles(n_coordinates); at += 2 * tile_rows) {
    const std::size_t low = at + tile_rows;
    _tile_loadd(4, points + at, bytes_per_row);
    _tile_loadd(5, points + low, bytes_per_row);
    _tile_loadd(6, queries[0] + at, bytes_per_row);
    _tile_loadd(7, queries[1] + at, bytes_per_row);
    _tile_dpbf16ps(0, 6, 4);
    _tile_dpbf16ps(1, 7, 4);
    _tile_dpbf16ps(0, 6, 5);
    _tile_dpbf16ps(1, 7, 5);
    _tile_loadd(6, queries[2] + at, bytes_per_row);
    _tile_loadd(7, queries[3] + at, bytes_per_row);
    _tile_dpbf16ps(2, 6, 4);
    _tile_dpbf16ps(3, 7, 4);
    _tile_dpbf16ps(2, 6, 5);
    _tile_dpbf16ps(3, 7, 5);
    _tile_loadd(6, queries[0] + low, bytes_per_row);
    _tile_loadd(7, queries[1] + low, bytes_per_row);
    _tile_dpbf16ps(0, 6, 4);
    _tile_dpbf16ps(1, 7, 4);
    _tile_loadd(6, queries[2] + low, bytes_per_row);
    _tile_loadd(7, queries[3] + low, bytes_per_row);
    _tile_dpbf16ps(2, 6, 4);
    _tile_dpbf16ps(3, 7, 4);
  }
  store_sums(out);
}

inline __m512 smaller(__m512 a, __m512 b) { return _mm512_min_ps(a, b); }

// The smallest lane of each of 16 vectors.
inline __m512 smallest_of_each(const __m512* vectors) {
  __m512 fours[4];  // a group of four lanes: that of each of four vectors
  for (std::size_t i = 0; i < 4; ++i) {
    const __m512* v = vectors + 4 * i;
    const __m512 ab = smaller(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
    const __m512 cd = smaller(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
    const __m512d a = _mm512_castps_pd(ab);
    const __m512d c = _mm512_castps_pd(cd);
    fours[i] = smaller(_mm512_castpd_ps(_mm512_unpacklo_pd(a, c)),
                       _mm512_castpd_ps(_mm512_unpackhi_pd(a, c)));
  }
  __m512 twos[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const __m512 a = fours[2 * i];
    const __m512 b = fours[2 * i + 1];
    twos[i] = smaller(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  }
  return smaller(_mm512_shuffle_f32x4(twos[0], twos[1], 0x88),
                 _mm512_shuffle_f32x4(twos[0], twos[1], 0xdd));
}

// Values of a group of queries and a block of points; first_query and block say where results go.
inline void look_at(const Products& products, __m512 square_norms, const float* limits,
                    std::uint64_t wanted, std::size_t first_query, std::size_t block,
                    std::uint64_t* near, float* above, std::size_t stride) {
  __m512 further[tile_rows];
  const __m512 infinity = _mm512_set1_ps(__builtin_inff());
  for (std::size_t q = 0; q < tile_rows; ++q) {
    const __m512 values =
        _mm512_fnmadd_ps(_mm512_set1_ps(2.0F), _mm512_load_ps(products.of[q]), square_norms);
    if ((wanted >> (first_query + q) & 1U) == 0) {
      further[q] = infinity;
      continue;
    }
    const __mmask16 is_near =
        _mm512_cmp_ps_mask(values, _mm512_set1_ps(limits[first_query + q]), _CMP_LE_OQ);
    near[first_query + q] |= std::uint64_t{is_near} << (block * tile_rows);
    further[q] = _mm512_mask_mov_ps(values, is_near, infinity);
  }
  alignas(64) float smallest[tile_rows];
  _mm512_store_ps(smallest, smallest_of_each(further));
  for (std::uint64_t bits = wanted >> first_query & 0xffffU; bits != 0; bits &= bits - 1) {
    const auto q = static_cast<std::size_t>(__builtin_ctzll(bits));
    above[(first_query + q) * stride + block] = smallest[q];
  }
}

void find_near_in_blocks(const TileRow* queries, const float* limits, std::uint64_t wanted,
                         const TileRow* points, const float* square_norms, std::size_t n_blocks,
                         std::size_t n_coordinates, std::uint64_t* near, float* above,
                         std::size_t stride) {
  TileConfig config;
  for (std::size_t tile = 0; tile < 8; ++tile) {
    config.bytes_per_row_of[tile] = bytes_per_row;
    config.rows_of[tile] = tile_rows;
  }
  _tile_loadconfig(&config);
  const std::size_t size = rows_of_tiles(n_coordinates);
  const TileRow* groups[most_tile_groups];
  std::size_t first_queries[most_tile_groups];
  std::size_t n_groups = 0;
  for (std::size_t q = 0; q < most_tile_groups * tile_rows; q += tile_rows) {
    if ((wanted >> q & 0xffffU) == 0) continue;
    first_queries[n_groups] = q;
    groups[n_groups++] = queries + q / tile_rows * size;
  }
  for (std::size_t g = n_groups; g < most_tile_groups; ++g) groups[g] = groups[0];
  for (std::uint64_t bits = wanted; bits != 0; bits &= bits - 1) near[__builtin_ctzll(bits)] = 0;
  Products products[4];
  const auto look = [&](const Products& some, std::size_t group, std::size_t block) {
    look_at(some, _mm512_loadu_ps(square_norms + block * tile_rows), limits, wanted,
            first_queries[group], block, near, above, stride);
  };
  std::size_t b = 0;
  for (; b + 2 <= n_blocks; b += 2) {
    const TileRow* const pair[2] = {points + b * size, points + (b + 1) * size};
    for (std::size_t g = 0; g < n_groups; g += 2) {
      multiply_two(groups + g, pair, n_coordinates, products);
      for (std::size_t i = 0; i < 4 && g + i / 2 < n_groups; ++i) {
        look(products[i], g + i / 2, b + i % 2);
      }
    }
  }
  if (b < n_blocks) {
    multiply_one(groups, points + b * size, n_coordinates, products);
    for (std::size_t g = 0; g < n_groups; ++g) look(products[g], g, b);
  }
  _tile_release();
}

}  // namespace

extern const TileKernels tile_kernels;

const TileKernels tile_kernels = {&split_queries, &split_points, &find_near_in_blocks};

}  // namespace thinset::kernels_amx
