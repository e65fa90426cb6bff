// The only place that chooses between instruction sets: every table of kernels comes from here.
#include "thinset/instruction_set.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <string>

#include "simd/pair_kernels.hpp"
#include "simd/row_kernels.hpp"
#include "simd/screen_kernels.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

// The tables of one instruction set.
struct Kernels {
  InstructionSet set;
  const RowKernels<float>* float32;
  const RowKernels<double>* float64;
  const RowKernels<Float16>* float16;
  const RowKernels<BFloat16>* bfloat16;
  const PairKernels* pairs;
  const ScreenKernels* screens;
};

}  // namespace

// Defined in row_kernels_<set>.cpp, pair_kernels_<set>.cpp and screen_kernels_<set>.cpp, which are
// compiled for that set.
#define THINSET_KERNELS(set)                                                                  \
  namespace kernels_##set {                                                                   \
    extern const RowKernels<float> float32_kernels;                                           \
    extern const RowKernels<double> float64_kernels;                                          \
    extern const RowKernels<Float16> float16_kernels;                                         \
    extern const RowKernels<BFloat16> bfloat16_kernels;                                       \
    extern const PairKernels pair_kernels;                                                    \
    extern const ScreenKernels screen_kernels;                                                \
    static constexpr Kernels all = {InstructionSet::set, &float32_kernels,  &float64_kernels, \
                                    &float16_kernels,    &bfloat16_kernels, &pair_kernels,    \
                                    &screen_kernels};                                         \
  }
THINSET_KERNELS(plain)
#ifdef THINSET_X86_KERNELS
THINSET_KERNELS(avx2)
THINSET_KERNELS(avx512)
#endif
#undef THINSET_KERNELS

namespace {

constexpr std::array built = {
    &kernels_plain::all,
#ifdef THINSET_X86_KERNELS
    &kernels_avx2::all,
    &kernels_avx512::all,
#endif
};

// The processor supports every set up to this one.
InstructionSet widest_supported() {
#ifdef THINSET_X86_KERNELS
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c")) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
               ? InstructionSet::avx512
               : InstructionSet::avx2;
  }
#endif
  return InstructionSet::plain;
}

const Kernels& kernels_of(InstructionSet set) {
  const auto found = std::ranges::find(built, set, &Kernels::set);
  if (found == built.end() || set > widest_supported()) {
    throw InvalidInput("this processor or build has no instruction set '" +
                       std::string(to_string(set)) + "'");
  }
  return **found;
}

std::atomic<const Kernels*>& chosen() {
  static std::atomic<const Kernels*> kernels{&kernels_of(widest_supported())};
  return kernels;
}

const Kernels& current() { return *chosen().load(std::memory_order_relaxed); }

}  // namespace

std::string_view to_string(InstructionSet set) {
  switch (set) {
    case InstructionSet::plain:
      return "plain";
    case InstructionSet::avx2:
      return "avx2";
    case InstructionSet::avx512:
      return "avx512";
  }
  return "unknown";
}

std::vector<InstructionSet> available_instruction_sets() {
  std::vector<InstructionSet> sets;
  for (const Kernels* kernels : built) {
    if (kernels->set <= widest_supported()) {
      sets.push_back(kernels->set);
    }
  }
  return sets;
}

InstructionSet current_instruction_set() { return current().set; }

void use_instruction_set(InstructionSet set) { chosen().store(&kernels_of(set)); }

template <>
const RowKernels<float>& row_kernels<float>() {
  return *current().float32;
}
template <>
const RowKernels<double>& row_kernels<double>() {
  return *current().float64;
}
template <>
const RowKernels<Float16>& row_kernels<Float16>() {
  return *current().float16;
}
template <>
const RowKernels<BFloat16>& row_kernels<BFloat16>() {
  return *current().bfloat16;
}

const PairKernels& pair_kernels() { return *current().pairs; }

const ScreenKernels& screen_kernels() { return *current().screens; }

}  // namespace thinset
