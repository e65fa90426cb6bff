// The loops of pair_kernels.hpp, compiled once per instruction set into a namespace of its own.
//
// Included only by pair_kernels_<set>.cpp, with THINSET_KERNELS_NAMESPACE defined. See lanes.hpp on
// what may be called here.

#include "simd/lanes.hpp"
#include "simd/pair_kernels.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace thinset::THINSET_KERNELS_NAMESPACE {

namespace {

inline Floats square_roots(Floats lanes) {
  for (auto& part : lanes.part) {
#if defined(__AVX512F__)
    part = _mm512_maskz_sqrt_ps(0xffff, part);
#elif defined(__AVX2__)
    part = _mm256_sqrt_ps(part);
#elif defined(__SSE2__)
    part = _mm_sqrt_ps(part);
#elif defined(__ARM_NEON) && defined(__aarch64__)
    part = vsqrtq_f32(part);
#else
    for (std::size_t l = 0; l < Floats::part_lanes; ++l) part[l] = __builtin_sqrtf(part[l]);
#endif
  }
  return lanes;
}

inline Floats positive_part(Floats lanes) {
  for (auto& part : lanes.part) part = part > 0.0F ? part : Vector<float>{};
  return lanes;
}

inline void add_to(float* sums, const Floats& terms) { store(sums, load_floats(sums) + terms); }

// As many dot products at once as registers hold.
constexpr std::size_t queries_at_once = register_bytes == 64 ? queries_per_group : 4;
constexpr std::size_t blocks_at_once = register_bytes == 64 ? blocks_per_group : 1;
static_assert(queries_per_group % queries_at_once == 0 && blocks_per_group % blocks_at_once == 0);

using GroupDots = Dots<queries_at_once, blocks_at_once>;

// Squared distances or distances, the smallest that the norms allow.
inline Floats values_of(float query_norm, const Floats& point_norms, const Floats& dot,
                        bool roots) {
  const Floats squares = positive_part(all_lanes(query_norm) + point_norms - (dot + dot));
  return roots ? square_roots(squares) : squares;
}

inline void add_group(const PairSide& queries, const PairSide& points, const GroupDots& dots,
                      std::size_t first_query, std::size_t first_block, bool roots) {
  for (std::size_t b = 0; b < blocks_at_once; ++b) {
    const std::size_t point = (first_block + b) * n_lanes;
    const Floats point_norms = load_floats(points.norms + point);
    const Floats point_reaches = load_floats(points.reaches + point);
    Floats point_sums{};
    Floats point_gains{};
    for (std::size_t q = 0; q < queries_at_once; ++q) {
      const std::size_t query = first_query + q;
      const Floats values = values_of(queries.norms[query], point_norms, dots.of[q][b], roots);
      add_to(queries.sums + query * n_lanes, values);
      add_to(queries.gains + query * n_lanes, positive_part(point_reaches - values));
      point_sums += values;
      point_gains += positive_part(all_lanes(queries.reaches[query]) - values);
    }
    add_to(points.sums + point, point_sums);
    add_to(points.gains + point, point_gains);
  }
}

void add_pairs(const PairSide& queries, const PairSide& points, std::size_t n_coordinates,
               bool roots) {
  GroupDots dots;
  for (std::size_t b = 0; b < points.n / n_lanes; b += blocks_at_once) {
    const float* blocks = points.values + b * n_lanes * n_coordinates;
    for (std::size_t q = 0; q < queries.n; q += queries_at_once) {
      multiply(queries.values + q * n_coordinates, blocks, n_coordinates, dots);
      add_group(queries, points, dots, q, b, roots);
    }
  }
}

inline void list_group(const PairSide& queries, const PairSide& points, const GroupDots& dots,
                       std::size_t first_query, std::size_t first_block, bool roots,
                       PairInReach* found, std::uint32_t* n_found) {
  for (std::size_t b = 0; b < blocks_at_once; ++b) {
    const std::size_t point = (first_block + b) * n_lanes;
    const Floats point_norms = load_floats(points.norms + point);
    Floats gains{};
    for (std::size_t q = 0; q < queries_at_once; ++q) {
      const std::size_t query = first_query + q;
      const float reach = queries.reaches[query];
      const Floats values = values_of(queries.norms[query], point_norms, dots.of[q][b], roots);
      std::uint32_t bits = bits_at_most(values, reach);
      if (bits == 0) continue;
      gains += positive_part(all_lanes(reach) - values);
      float in_lanes[n_lanes];
      store(in_lanes, values);
      for (; bits != 0; bits &= bits - 1) {
        const auto lane = static_cast<std::size_t>(__builtin_ctz(bits));
        found[(point + lane) * queries.n + n_found[point + lane]++] = {
            static_cast<std::uint32_t>(query), in_lanes[lane]};
      }
    }
    add_to(points.gains + point, gains);
  }
}

void find_in_reach(const PairSide& queries, const PairSide& points, std::size_t n_coordinates,
                   bool roots, PairInReach* found, std::uint32_t* n_found) {
  GroupDots dots;
  for (std::size_t b = 0; b < points.n / n_lanes; b += blocks_at_once) {
    const float* blocks = points.values + b * n_lanes * n_coordinates;
    for (std::size_t q = 0; q < queries.n; q += queries_at_once) {
      multiply(queries.values + q * n_coordinates, blocks, n_coordinates, dots);
      list_group(queries, points, dots, q, b, roots, found, n_found);
    }
  }
}

}  // namespace

extern const PairKernels pair_kernels;
const PairKernels pair_kernels = {&add_pairs, &find_in_reach};

}  // namespace thinset::THINSET_KERNELS_NAMESPACE
