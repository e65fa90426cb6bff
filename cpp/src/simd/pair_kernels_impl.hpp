// The loops of pair_kernels.hpp, compiled once per instruction set into a namespace of its own.
//
// Included only by pair_kernels_<set>.cpp, with THINSET_KERNELS_NAMESPACE defined. See lanes.hpp on
// what may be called here.

#include "simd/lanes.hpp"
#include "simd/pair_kernels.hpp"

namespace thinset::THINSET_KERNELS_NAMESPACE {

namespace {

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

// min(1, raised * exp(-squares * exponent)), lane by lane.
inline Floats similarities_of(Floats squares, float exponent, float raised) {
  constexpr float inverse_factorials[] = {1.0F / 720.0F, 1.0F / 120.0F, 1.0F / 24.0F,
                                          1.0F / 6.0F,   0.5F,          1.0F};
  for (auto& part : squares.part) {
    const Vector<float> product = part * exponent;
    // Also for NaN, infinity times an exponent of 0.
    const Vector<float> x = product < 80.0F ? product : Vector<float>{} + 80.0F;
    const auto n = __builtin_convertvector(x * 1.44269504F + 0.5F, Vector<std::int32_t>);
    const auto whole = __builtin_convertvector(n, Vector<float>);
    // log(2) in two parts; the first has 16 bits, so that its products with n are exact.
    const Vector<float> t = whole * 1.42860677e-6F - (x - whole * 0.693145752F);
    Vector<float> sum = Vector<float>{} + inverse_factorials[0];
    for (std::size_t i = 1; i < 6; ++i) sum = sum * t + inverse_factorials[i];
    sum = sum * t + 1.0F;
    const auto power = __builtin_bit_cast(Vector<float>, (127 - n) << 23);
    const Vector<float> similarity = sum * power * raised;
    part = similarity < 1.0F ? similarity : Vector<float>{} + 1.0F;
  }
  return squares;
}

// The smallest values that the norms allow.
inline Floats values_of(float query_norm, const Floats& point_norms, const Floats& dot,
                        const PairValue& value) {
  const Floats squares = positive_part(all_lanes(query_norm) + point_norms - (dot + dot));
  switch (value.kind) {
    case PairValue::Kind::square:
      return squares;
    case PairValue::Kind::root:
      return square_roots(squares);
    case PairValue::Kind::gaussian:
      return Floats{} - similarities_of(squares, value.exponent, value.raised);
  }
  return squares;
}

inline void add_group(const PairSide& queries, const PairSide& points, const GroupDots& dots,
                      std::size_t first_query, std::size_t first_block, const PairValue& value) {
  for (std::size_t b = 0; b < blocks_at_once; ++b) {
    const std::size_t point = (first_block + b) * n_lanes;
    const Floats point_norms = load_floats(points.norms + point);
    const Floats point_reaches = load_floats(points.reaches + point);
    Floats point_sums{};
    Floats point_gains{};
    for (std::size_t q = 0; q < queries_at_once; ++q) {
      const std::size_t query = first_query + q;
      const Floats values = values_of(queries.norms[query], point_norms, dots.of[q][b], value);
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
               const PairValue& value) {
  GroupDots dots;
  for (std::size_t b = 0; b < points.n / n_lanes; b += blocks_at_once) {
    const float* blocks = points.values + b * n_lanes * n_coordinates;
    for (std::size_t q = 0; q < queries.n; q += queries_at_once) {
      multiply(queries.values + q * n_coordinates, blocks, n_coordinates, dots);
      add_group(queries, points, dots, q, b, value);
    }
  }
}

inline void list_group(const PairSide& queries, const PairSide& points, const GroupDots& dots,
                       std::size_t first_query, std::size_t first_block, const PairValue& value,
                       PairInReach* found, std::uint32_t* n_found) {
  for (std::size_t b = 0; b < blocks_at_once; ++b) {
    const std::size_t point = (first_block + b) * n_lanes;
    const Floats point_norms = load_floats(points.norms + point);
    Floats gains{};
    for (std::size_t q = 0; q < queries_at_once; ++q) {
      const std::size_t query = first_query + q;
      const float reach = queries.reaches[query];
      const Floats values = values_of(queries.norms[query], point_norms, dots.of[q][b], value);
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
                   const PairValue& value, PairInReach* found, std::uint32_t* n_found) {
  GroupDots dots;
  for (std::size_t b = 0; b < points.n / n_lanes; b += blocks_at_once) {
    const float* blocks = points.values + b * n_lanes * n_coordinates;
    for (std::size_t q = 0; q < queries.n; q += queries_at_once) {
      multiply(queries.values + q * n_coordinates, blocks, n_coordinates, dots);
      list_group(queries, points, dots, q, b, value, found, n_found);
    }
  }
}

}  // namespace

extern const PairKernels pair_kernels;
const PairKernels pair_kernels = {&add_pairs, &find_in_reach};

}  // namespace thinset::THINSET_KERNELS_NAMESPACE
