// Sixteen values at a time, in as many registers as the instruction set needs for them.
//
// Included by the per-instruction-set sources alone. Everything here has internal linkage, and
// nothing calls an inline function of another header: the linker keeps one copy of those, and it
// could be the one compiled for the widest instructions. GCC's and Clang's vector extension does
// the arithmetic; intrinsics are used for everything else.
#pragma once

#include <cstddef>
#include <cstdint>

#include "thinset/element.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace {

using thinset::BFloat16;
using thinset::Float16;

constexpr std::size_t n_lanes = 16;

#if defined(__AVX512F__)
constexpr std::size_t register_bytes = 64;
#elif defined(__AVX2__)
constexpr std::size_t register_bytes = 32;
#else
constexpr std::size_t register_bytes = 16;
#endif

template <class T, std::size_t bytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(bytes)));
};
template <class T, std::size_t bytes = register_bytes>
using Vector = typename VectorOf<T, bytes>::type;

template <class T>
struct Lanes {
  static constexpr std::size_t n_parts = n_lanes * sizeof(T) / register_bytes;
  static constexpr std::size_t part_lanes = register_bytes / sizeof(T);
  Vector<T> part[n_parts];

  Lanes& operator+=(const Lanes& other) {
    for (std::size_t p = 0; p < n_parts; ++p) part[p] += other.part[p];
    return *this;
  }
  friend Lanes operator+(Lanes a, const Lanes& b) { return a += b; }
  friend Lanes operator-(Lanes a, const Lanes& b) {
    for (std::size_t p = 0; p < n_parts; ++p) a.part[p] -= b.part[p];
    return a;
  }
  friend Lanes operator*(Lanes a, const Lanes& b) {
    for (std::size_t p = 0; p < n_parts; ++p) a.part[p] *= b.part[p];
    return a;
  }
};
using Floats = Lanes<float>;
using Doubles = Lanes<double>;

template <class T>
inline Lanes<T> all_lanes(T value) {
  Lanes<T> lanes;
  for (auto& part : lanes.part) part = Vector<T>{} + value;
  return lanes;
}

template <class T>
inline void store(T* to, const Lanes<T>& lanes) {
  for (std::size_t p = 0; p < Lanes<T>::n_parts; ++p) {
    __builtin_memcpy(to + p * Lanes<T>::part_lanes, &lanes.part[p], register_bytes);
  }
}

// Float16 to float: shift exponent and fraction into place, then scale by 2^(127 - 15); the product
// is exact for subnormals too. An all-ones exponent (infinity, NaN) needs its bits set by hand.
inline float as_float(Float16 value) {
  const std::uint32_t magnitude = (value.bits & 0x7fffU) << 13;
  const std::uint32_t sign = (value.bits & 0x8000U) << 16;
  const std::uint32_t special = magnitude >= 0x0f800000U ? 0x7f800000U : 0U;
  const float scaled = __builtin_bit_cast(float, magnitude) * 0x1p112F;
  return __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, scaled) | special | sign);
}
inline float as_float(BFloat16 value) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(value.bits) << 16);
}
inline float as_float(float value) { return value; }

// Float to Float16, towards zero.
inline Float16 as_half(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  std::uint32_t half = (magnitude - 0x38000000U) >> 13;
  if (magnitude >= 0x47800000U) half = 0x7c00U;  // 2^16 or more
  if (magnitude < 0x38800000U) {                 // below 2^-14: steps of 2^-24
    half = static_cast<std::uint32_t>(__builtin_bit_cast(float, magnitude) * 0x1p24F);
  }
  return {static_cast<std::uint16_t>((bits >> 16 & 0x8000U) | half)};
}

// Copied part by part, here and below, because compilers copy a whole structure through the stack.
inline Floats load_floats(const float* from) {
  Floats lanes;
  for (std::size_t p = 0; p < Floats::n_parts; ++p) {
    __builtin_memcpy(&lanes.part[p], from + p * Floats::part_lanes, register_bytes);
  }
  return lanes;
}
inline Floats load_floats(const BFloat16* from) {
  Floats lanes;
  for (std::size_t p = 0; p < Floats::n_parts; ++p) {
    Vector<std::uint16_t, register_bytes / 2> halves;
    __builtin_memcpy(&halves, from + p * Floats::part_lanes, sizeof(halves));
    lanes.part[p] = __builtin_bit_cast(
        Vector<float>, __builtin_convertvector(halves, Vector<std::uint32_t>) << 16);
  }
  return lanes;
}
inline Floats load_floats(const Float16* from) {
  Floats lanes;
#if defined(__AVX512F__)
  __m256i halves;
  __builtin_memcpy(&halves, from, sizeof(halves));
  lanes.part[0] = _mm512_maskz_cvtph_ps(0xffff, halves);
#elif defined(__F16C__)
  for (std::size_t p = 0; p < Floats::n_parts; ++p) {
    __m128i halves;
    __builtin_memcpy(&halves, from + p * Floats::part_lanes, sizeof(halves));
    lanes.part[p] = _mm256_cvtph_ps(halves);
  }
#else
  float values[n_lanes];
  for (std::size_t l = 0; l < n_lanes; ++l) values[l] = as_float(from[l]);
  lanes = load_floats(values);
#endif
  return lanes;
}

inline void store(Float16* to, const Floats& lanes) {
#if defined(__AVX512F__)
  const __m256i halves = _mm512_maskz_cvtps_ph(0xffff, lanes.part[0], _MM_FROUND_TO_NEAREST_INT);
  __builtin_memcpy(to, &halves, sizeof(halves));
#elif defined(__F16C__)
  for (std::size_t p = 0; p < Floats::n_parts; ++p) {
    const __m128i halves = _mm256_cvtps_ph(lanes.part[p], _MM_FROUND_TO_NEAREST_INT);
    __builtin_memcpy(to + p * Floats::part_lanes, &halves, sizeof(halves));
  }
#else
  float values[n_lanes];
  store(values, lanes);
  for (std::size_t l = 0; l < n_lanes; ++l) to[l] = as_half(values[l]);
#endif
}

inline Doubles load_doubles(const double* from) {
  Doubles lanes;
  for (std::size_t p = 0; p < Doubles::n_parts; ++p) {
    __builtin_memcpy(&lanes.part[p], from + p * Doubles::part_lanes, register_bytes);
  }
  return lanes;
}
inline Doubles load_doubles(const float* from) {
  Doubles lanes;
  for (std::size_t p = 0; p < Doubles::n_parts; ++p) {
#if defined(__AVX512F__)
    __m256 floats;
    __builtin_memcpy(&floats, from + p * Doubles::part_lanes, sizeof(floats));
    lanes.part[p] = _mm512_maskz_cvtps_pd(0xff, floats);
#elif defined(__AVX2__)
    __m128 floats;
    __builtin_memcpy(&floats, from + p * Doubles::part_lanes, sizeof(floats));
    lanes.part[p] = _mm256_cvtps_pd(floats);
#else
    Vector<float, register_bytes / 2> floats;
    __builtin_memcpy(&floats, from + p * Doubles::part_lanes, sizeof(floats));
    lanes.part[p] = __builtin_convertvector(floats, Vector<double>);
#endif
  }
  return lanes;
}
template <class T>
inline Doubles load_doubles(const T* from) {
  float floats[n_lanes];
  store(floats, load_floats(from));
  return load_doubles(floats);
}

// The first n < 16 values, followed by zeros.
template <class T>
inline Floats load_floats(const T* from, std::size_t n) {
#if defined(__AVX512F__)
  const auto mask = static_cast<__mmask16>((1U << n) - 1U);
  if constexpr (sizeof(T) == sizeof(float)) {
    return {{_mm512_maskz_loadu_ps(mask, from)}};
  } else if constexpr (sizeof(T) == sizeof(std::uint16_t)) {
    T values[n_lanes];
    const __m256i halves = _mm256_maskz_loadu_epi16(mask, from);
    __builtin_memcpy(values, &halves, sizeof(halves));
    return load_floats(values);
  }
#endif
  T values[n_lanes] = {};
  for (std::size_t l = 0; l < n; ++l) values[l] = from[l];
  return load_floats(values);
}
template <class T>
inline Doubles load_doubles(const T* from, std::size_t n) {
#if defined(__AVX512F__)
  const unsigned mask = (1U << n) - 1U;
  const auto low = static_cast<__mmask8>(mask);
  const auto high = static_cast<__mmask8>(mask >> 8);
  if constexpr (sizeof(T) == sizeof(double)) {
    return {{_mm512_maskz_loadu_pd(low, from), _mm512_maskz_loadu_pd(high, from + 8)}};
  } else if constexpr (sizeof(T) == sizeof(float)) {
    return {{_mm512_maskz_cvtps_pd(low, _mm256_maskz_loadu_ps(low, from)),
             _mm512_maskz_cvtps_pd(high, _mm256_maskz_loadu_ps(high, from + 8))}};
  } else {
    float floats[n_lanes];
    store(floats, load_floats(from, n));
    return load_doubles(floats);
  }
#endif
  T values[n_lanes] = {};
  for (std::size_t l = 0; l < n; ++l) values[l] = from[l];
  return load_doubles(values);
}

// The type of scores: double for double, float for all others.
inline Doubles load_scores(const double* from) { return load_doubles(from); }
inline Doubles load_scores(const double* from, std::size_t n) {
  return n == n_lanes ? load_doubles(from) : load_doubles(from, n);
}
template <class T>
inline Floats load_scores(const T* from) {
  return load_floats(from);
}
template <class T>
inline Floats load_scores(const T* from, std::size_t n) {
  return n == n_lanes ? load_floats(from) : load_floats(from, n);
}

template <class T>
inline Lanes<T> larger(Lanes<T> a, const Lanes<T>& b) {
  for (std::size_t p = 0; p < Lanes<T>::n_parts; ++p) {
    a.part[p] = a.part[p] > b.part[p] ? a.part[p] : b.part[p];
  }
  return a;
}

template <class T>
inline Lanes<T> smaller(Lanes<T> a, const Lanes<T>& b) {
  for (std::size_t p = 0; p < Lanes<T>::n_parts; ++p) {
    a.part[p] = a.part[p] < b.part[p] ? a.part[p] : b.part[p];
  }
  return a;
}

// Lane by lane: a < b ? yes : no.
inline Lanes<std::uint32_t> where_less(const Floats& a, const Floats& b,
                                       const Lanes<std::uint32_t>& yes,
                                       const Lanes<std::uint32_t>& no) {
  Lanes<std::uint32_t> chosen;
  for (std::size_t p = 0; p < Floats::n_parts; ++p) {
    chosen.part[p] = a.part[p] < b.part[p] ? yes.part[p] : no.part[p];
  }
  return chosen;
}

template <class T>
inline Lanes<T> absolute(const Lanes<T>& lanes) {
  return larger(lanes, all_lanes(T{0}) - lanes);
}

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

// Folds all lanes into one by `fold` of two lanes or of two vectors.
template <class T, std::size_t bytes, class Fold>
inline T fold_pairwise(const Vector<T, bytes>& lanes, const Fold& fold) {
  constexpr std::size_t n = bytes / sizeof(T);
  if constexpr (n == 2) {
    return fold(lanes[0], lanes[1]);
  } else {
    struct Halves {
      Vector<T, bytes / 2> low, high;
    };
#if __has_builtin(__builtin_shufflevector)
    Halves halves;
    if constexpr (n == 16) {
      halves.low = __builtin_shufflevector(lanes, lanes, 0, 1, 2, 3, 4, 5, 6, 7);
      halves.high = __builtin_shufflevector(lanes, lanes, 8, 9, 10, 11, 12, 13, 14, 15);
    } else if constexpr (n == 8) {
      halves.low = __builtin_shufflevector(lanes, lanes, 0, 1, 2, 3);
      halves.high = __builtin_shufflevector(lanes, lanes, 4, 5, 6, 7);
    } else {
      halves.low = __builtin_shufflevector(lanes, lanes, 0, 1);
      halves.high = __builtin_shufflevector(lanes, lanes, 2, 3);
    }
#else
    const auto halves = __builtin_bit_cast(Halves, lanes);
#endif
    return fold_pairwise<T, bytes / 2>(fold(halves.low, halves.high), fold);
  }
}

// The lanes folded in pairs (l, l + 8), then (l, l + 4), (l, l + 2), (l, l + 1).
template <class T, class Fold>
inline T fold_lanes(Lanes<T> lanes, const Fold& fold) {
  for (std::size_t n = Lanes<T>::n_parts / 2; n > 0; n /= 2) {
    for (std::size_t p = 0; p < n; ++p) lanes.part[p] = fold(lanes.part[p], lanes.part[p + n]);
  }
  return fold_pairwise<T, register_bytes>(lanes.part[0], fold);
}
template <class T>
inline T sum_lanes(const Lanes<T>& lanes) {
  return fold_lanes(lanes, [](auto a, auto b) { return a + b; });
}
// The smallest lane above the limit, or infinity.
inline float smallest_above(Floats lanes, float limit) {
  const Vector<float> infinite = Vector<float>{} + __builtin_inff();
  for (auto& part : lanes.part) part = part > limit ? part : infinite;
  return fold_lanes(lanes, [](auto a, auto b) { return a < b ? a : b; });
}

// Bit l is set if lane l is at most, or at least, the limit.
inline std::uint32_t bits_at_most(const Floats& lanes, float limit) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(lanes.part[0], _mm512_set1_ps(limit), _CMP_LE_OQ);
#elif defined(__AVX2__)
  const __m256 limits = _mm256_set1_ps(limit);
  const int low = _mm256_movemask_ps(_mm256_cmp_ps(lanes.part[0], limits, _CMP_LE_OQ));
  const int high = _mm256_movemask_ps(_mm256_cmp_ps(lanes.part[1], limits, _CMP_LE_OQ));
  return static_cast<std::uint32_t>(low | high << 8);
#elif defined(__ARM_NEON) && defined(__aarch64__)
  const uint32x4_t weights = {1, 2, 4, 8};
  std::uint32_t bits = 0;
  for (std::size_t p = 0; p < Floats::n_parts; ++p) {
    const uint32x4_t truth = vcleq_f32(lanes.part[p], vdupq_n_f32(limit));
    bits |= vaddvq_u32(vandq_u32(truth, weights)) << (4 * p);
  }
  return bits;
#else
  float values[n_lanes];
  store(values, lanes);
  std::uint32_t bits = 0;
  for (std::size_t l = 0; l < n_lanes; ++l) bits |= (values[l] <= limit ? 1U : 0U) << l;
  return bits;
#endif
}
inline std::uint32_t bits_at_least(const Doubles& lanes, double limit) {
#if defined(__AVX512F__)
  const __m512d limits = _mm512_set1_pd(limit);
  const std::uint32_t low = _mm512_cmp_pd_mask(lanes.part[0], limits, _CMP_GE_OQ);
  const std::uint32_t high = _mm512_cmp_pd_mask(lanes.part[1], limits, _CMP_GE_OQ);
  return low | high << 8;
#else
  double values[n_lanes];
  store(values, lanes);
  std::uint32_t bits = 0;
  for (std::size_t l = 0; l < n_lanes; ++l) bits |= (values[l] >= limit ? 1U : 0U) << l;
  return bits;
#endif
}

// Bit l is set if lane l is above its limit.
inline std::uint32_t bits_above(const Floats& lanes, const Floats& limits) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(lanes.part[0], limits.part[0], _CMP_GT_OQ);
#elif defined(__AVX2__)
  const int low = _mm256_movemask_ps(_mm256_cmp_ps(lanes.part[0], limits.part[0], _CMP_GT_OQ));
  const int high = _mm256_movemask_ps(_mm256_cmp_ps(lanes.part[1], limits.part[1], _CMP_GT_OQ));
  return static_cast<std::uint32_t>(low | high << 8);
#else
  float values[n_lanes];
  float compared[n_lanes];
  store(values, lanes);
  store(compared, limits);
  std::uint32_t bits = 0;
  for (std::size_t l = 0; l < n_lanes; ++l) bits |= (values[l] > compared[l] ? 1U : 0U) << l;
  return bits;
#endif
}
inline std::uint32_t bits_above(const Doubles& lanes, const Doubles& limits) {
#if defined(__AVX512F__)
  const std::uint32_t low = _mm512_cmp_pd_mask(lanes.part[0], limits.part[0], _CMP_GT_OQ);
  const std::uint32_t high = _mm512_cmp_pd_mask(lanes.part[1], limits.part[1], _CMP_GT_OQ);
  return low | high << 8;
#else
  double values[n_lanes];
  double compared[n_lanes];
  store(values, lanes);
  store(compared, limits);
  std::uint32_t bits = 0;
  for (std::size_t l = 0; l < n_lanes; ++l) bits |= (values[l] > compared[l] ? 1U : 0U) << l;
  return bits;
#endif
}

// The dot products of some queries with all points of some blocks, stored coordinate by coordinate,
// one register per coordinate of a block.
template <std::size_t n_queries, std::size_t n_blocks>
struct Dots {
  Floats of[n_queries][n_blocks];
};
template <std::size_t n_queries, std::size_t n_blocks>
inline void multiply(const float* const* queries, const float* blocks, std::size_t n_coordinates,
                     Dots<n_queries, n_blocks>& dots) {
  // Separate from `dots`, so that they stay in registers.
  Floats sums[n_queries][n_blocks] = {};
  for (std::size_t j = 0; j < n_coordinates; ++j) {
    Floats points[n_blocks];
    for (std::size_t b = 0; b < n_blocks; ++b) {
      points[b] = load_floats(blocks + (b * n_coordinates + j) * n_lanes);
    }
    for (std::size_t q = 0; q < n_queries; ++q) {
      const Floats query = all_lanes(queries[q][j]);
      for (std::size_t b = 0; b < n_blocks; ++b) sums[q][b] += query * points[b];
    }
  }
  for (std::size_t q = 0; q < n_queries; ++q) {
    for (std::size_t b = 0; b < n_blocks; ++b) dots.of[q][b] = sums[q][b];
  }
}
// Of queries that are stored one after the other.
template <std::size_t n_queries, std::size_t n_blocks>
inline void multiply(const float* queries, const float* blocks, std::size_t n_coordinates,
                     Dots<n_queries, n_blocks>& dots) {
  const float* starts[n_queries];
  for (std::size_t q = 0; q < n_queries; ++q) starts[q] = queries + q * n_coordinates;
  multiply(starts, blocks, n_coordinates, dots);
}

}  // namespace
