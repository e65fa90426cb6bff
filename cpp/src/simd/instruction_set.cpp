// The only place that chooses between instruction sets: every table of kernels comes from here.
#include "thinset/instruction_set.hpp"

#ifdef THINSET_X86_KERNELS
#include <cpuid.h>
#endif
#ifdef THINSET_AMX_KERNELS
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <string>

#include "simd/pair_kernels.hpp"
#include "simd/rough_kernels.hpp"
#include "simd/row_kernels.hpp"
#include "simd/screen_kernels.hpp"
#include "simd/tile_kernels.hpp"
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
  const RoughKernels<float>* rough_float32;
  const RoughKernels<double>* rough_float64;
  const RoughKernels<Float16>* rough_float16;
  const RoughKernels<BFloat16>* rough_bfloat16;
  const PairKernels* pairs;
  const ScreenKernels* screens;
};

}  // namespace

// Defined in pair_kernels_<set>.cpp, rough_kernels_<set>.cpp, row_kernels_<set>.cpp and
// screen_kernels_<set>.cpp, which are compiled for that set.
#define THINSET_KERNELS(set)                                                     \
  namespace kernels_##set {                                                      \
    extern const RowKernels<float> float32_kernels;                              \
    extern const RowKernels<double> float64_kernels;                             \
    extern const RowKernels<Float16> float16_kernels;                            \
    extern const RowKernels<BFloat16> bfloat16_kernels;                          \
    extern const RoughKernels<float> rough_float32_kernels;                      \
    extern const RoughKernels<double> rough_float64_kernels;                     \
    extern const RoughKernels<Float16> rough_float16_kernels;                    \
    extern const RoughKernels<BFloat16> rough_bfloat16_kernels;                  \
    extern const PairKernels pair_kernels;                                       \
    extern const ScreenKernels screen_kernels;                                   \
    static constexpr Kernels all = {                                             \
        InstructionSet::set,    &float32_kernels,       &float64_kernels,        \
        &float16_kernels,       &bfloat16_kernels,      &rough_float32_kernels,  \
        &rough_float64_kernels, &rough_float16_kernels, &rough_bfloat16_kernels, \
        &pair_kernels,          &screen_kernels};                                \
  }
THINSET_KERNELS(plain)
#ifdef THINSET_X86_KERNELS
THINSET_KERNELS(avx2)
THINSET_KERNELS(avx512)
#endif
#undef THINSET_KERNELS
#ifdef THINSET_AMX_KERNELS
namespace kernels_amx {
extern const TileKernels tile_kernels;  // in tile_kernels_amx.cpp
}
#endif

namespace {

constexpr std::array built = {
    &kernels_plain::all,
#ifdef THINSET_X86_KERNELS
    &kernels_avx2::all,
    &kernels_avx512::all,
#endif
};

#ifdef THINSET_X86_KERNELS
// Asks the processor itself: __builtin_cpu_supports answers "no" to everything where the runtime
// library of the compiler never fills its table, as that of zig.
InstructionSet ask_processor() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  constexpr unsigned basic = bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & basic) != basic) {
    return InstructionSet::plain;
  }
  // The registers that the operating system keeps for each thread.
  unsigned kept = 0;
  unsigned high = 0;
  asm volatile("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
  constexpr unsigned of_avx = 0x06;
  constexpr unsigned of_avx512 = 0xe6;
  if ((kept & of_avx) != of_avx || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 ||
      (b & bit_AVX2) == 0) {
    return InstructionSet::plain;
  }
  constexpr unsigned wide = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  return (kept & of_avx512) == of_avx512 && (b & wide) == wide ? InstructionSet::avx512
                                                               : InstructionSet::avx2;
}
#endif

#ifdef THINSET_AMX_KERNELS
// Whether the processor has the unit and its instructions for bfloat16, and the system lets this
// process use it: Linux saves the unit's registers only for processes that ask.
bool ask_for_tiles() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  constexpr unsigned tiles = 1U << 24;
  constexpr unsigned tiles_of_bfloat16 = 1U << 22;
  constexpr unsigned avx512_of_bfloat16 = 1U << 5;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & tiles) == 0 ||
      (d & tiles_of_bfloat16) == 0) {
    return false;
  }
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) == 0 || (a & avx512_of_bfloat16) == 0) {
    return false;
  }
  constexpr long request_permission = 0x1023;
  constexpr long tile_data = 18;
  return ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}
#endif

// The processor supports every set up to this one.
InstructionSet widest_supported() {
#ifdef THINSET_X86_KERNELS
  static const InstructionSet widest = ask_processor();
  return widest;
#else
  return InstructionSet::plain;
#endif
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

template <>
const RoughKernels<float>& rough_kernels<float>() {
  return *current().rough_float32;
}
template <>
const RoughKernels<double>& rough_kernels<double>() {
  return *current().rough_float64;
}
template <>
const RoughKernels<Float16>& rough_kernels<Float16>() {
  return *current().rough_float16;
}
template <>
const RoughKernels<BFloat16>& rough_kernels<BFloat16>() {
  return *current().rough_bfloat16;
}

const PairKernels& pair_kernels() { return *current().pairs; }

const ScreenKernels& screen_kernels() { return *current().screens; }

const TileKernels* tile_kernels() {
#ifdef THINSET_AMX_KERNELS
  if (current_instruction_set() == InstructionSet::avx512) {
    static const bool has_tiles = ask_for_tiles();
    return has_tiles ? &kernels_amx::tile_kernels : nullptr;
  }
#endif
  return nullptr;
}

}  // namespace thinset
