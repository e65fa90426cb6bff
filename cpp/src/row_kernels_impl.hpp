// The loops of row_kernels.hpp, compiled once per instruction set into a namespace of its own.
//
// Included by row_kernels_<set>.cpp alone, with THINSET_KERNELS_NAMESPACE defined. Nothing here may
// call an inline function of another header: the linker keeps one copy of those, and it could be
// the one compiled for the widest instructions.

#include <cstddef>
#include <cstdint>

#include "thinset/row_kernels.hpp"

namespace thinset::THINSET_KERNELS_NAMESPACE {

namespace {

constexpr std::size_t n_lanes = 16;

inline float float_from_bits(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }

inline double as_double(float value) { return static_cast<double>(value); }
inline double as_double(double value) { return value; }
inline double as_double(BFloat16 value) {
  return static_cast<double>(float_from_bits(static_cast<std::uint32_t>(value.bits) << 16));
}
inline double as_double(Float16 value) {
  // Shift exponent and fraction into place, then scale by 2^(127 - 15); the product is exact for
  // subnormals too. An all-ones exponent (infinity, NaN) needs its bits set by hand.
  const std::uint32_t magnitude = (value.bits & 0x7fffU) << 13;
  const std::uint32_t sign = (value.bits & 0x8000U) << 16;
  const std::uint32_t special = magnitude >= 0x0f800000U ? 0x7f800000U : 0U;
  const float scaled = float_from_bits(magnitude) * 0x1p112F;
  return static_cast<double>(
      float_from_bits(__builtin_bit_cast(std::uint32_t, scaled) | special | sign));
}

inline double sum_lanes(const double* lanes) {
  double half[n_lanes / 2];
  for (std::size_t l = 0; l < 8; ++l) half[l] = lanes[l] + lanes[l + 8];
  for (std::size_t l = 0; l < 4; ++l) half[l] += half[l + 4];
  for (std::size_t l = 0; l < 2; ++l) half[l] += half[l + 2];
  return half[0] + half[1];
}

template <class T>
double squared_distance(const T* x, const double* y, std::size_t n) {
  double lanes[n_lanes] = {};
  std::size_t j = 0;
  for (; j + n_lanes <= n; j += n_lanes) {
    for (std::size_t l = 0; l < n_lanes; ++l) {
      const double difference = as_double(x[j + l]) - y[j + l];
      lanes[l] += difference * difference;
    }
  }
  for (std::size_t l = 0; j + l < n; ++l) {
    const double difference = as_double(x[j + l]) - y[j + l];
    lanes[l] += difference * difference;
  }
  return sum_lanes(lanes);
}

template <class T>
double dot(const T* x, const double* y, std::size_t n) {
  double lanes[n_lanes] = {};
  std::size_t j = 0;
  for (; j + n_lanes <= n; j += n_lanes) {
    for (std::size_t l = 0; l < n_lanes; ++l) lanes[l] += as_double(x[j + l]) * y[j + l];
  }
  for (std::size_t l = 0; j + l < n; ++l) lanes[l] += as_double(x[j + l]) * y[j + l];
  return sum_lanes(lanes);
}

template <class T>
void widen(const T* x, double* y, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) y[j] = as_double(x[j]);
}

template <class T>
std::size_t summarise(const T* x, std::size_t n, double* sum, double* min, double* max) {
  // x - x is 0 for every finite x and NaN for the others: one test per row instead of one per
  // value.
  double witness = 0.0;
  for (std::size_t j = 0; j < n; ++j) {
    const double value = as_double(x[j]);
    witness += value - value;
    sum[j] += value;
    min[j] = value < min[j] ? value : min[j];
    max[j] = value > max[j] ? value : max[j];
  }
  if (witness == 0.0) return n;
  for (std::size_t j = 0; j < n; ++j) {
    const double value = as_double(x[j]);
    if (!(value - value == 0.0)) return j;
  }
  return n;
}

template <class T>
constexpr RowKernels<T> table = {&squared_distance<T>, &dot<T>, &widen<T>, &summarise<T>};

}  // namespace

extern const RowKernels<float> float32_kernels;
extern const RowKernels<double> float64_kernels;
extern const RowKernels<Float16> float16_kernels;
extern const RowKernels<BFloat16> bfloat16_kernels;

const RowKernels<float> float32_kernels = table<float>;
const RowKernels<double> float64_kernels = table<double>;
const RowKernels<Float16> float16_kernels = table<Float16>;
const RowKernels<BFloat16> bfloat16_kernels = table<BFloat16>;

}  // namespace thinset::THINSET_KERNELS_NAMESPACE
