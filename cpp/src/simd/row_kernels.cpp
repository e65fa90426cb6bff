#include "thinset/row_kernels.hpp"

#include <algorithm>
#include <atomic>
#include <string>

#include "thinset/error.hpp"

namespace thinset {

#define THINSET_DECLARE_KERNELS(name)                 \
  namespace name {                                    \
  extern const RowKernels<float> float32_kernels;     \
  extern const RowKernels<double> float64_kernels;    \
  extern const RowKernels<Float16> float16_kernels;   \
  extern const RowKernels<BFloat16> bfloat16_kernels; \
  }
THINSET_DECLARE_KERNELS(kernels_plain)
#ifdef THINSET_X86_KERNELS
THINSET_DECLARE_KERNELS(kernels_avx2)
THINSET_DECLARE_KERNELS(kernels_avx512)
#endif
#undef THINSET_DECLARE_KERNELS

namespace {

std::atomic<InstructionSet>& chosen_set() {
  static std::atomic<InstructionSet> set{available_instruction_sets().back()};
  return set;
}

#define THINSET_SELECT_KERNELS(table)  \
  switch (current_instruction_set()) { \
    THINSET_X86_CASES(table)           \
    default:                           \
      return kernels_plain::table;     \
  }
#ifdef THINSET_X86_KERNELS
#define THINSET_X86_CASES(table)  \
  case InstructionSet::avx512:    \
    return kernels_avx512::table; \
  case InstructionSet::avx2:      \
    return kernels_avx2::table;
#else
#define THINSET_X86_CASES(table)
#endif

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
  std::vector<InstructionSet> sets = {InstructionSet::plain};
#ifdef THINSET_X86_KERNELS
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c")) {
    sets.push_back(InstructionSet::avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      sets.push_back(InstructionSet::avx512);
    }
  }
#endif
  return sets;
}

InstructionSet current_instruction_set() { return chosen_set().load(std::memory_order_relaxed); }

void use_instruction_set(InstructionSet set) {
  const std::vector<InstructionSet> sets = available_instruction_sets();
  if (std::ranges::find(sets, set) == sets.end()) {
    throw InvalidInput("this processor or build has no instruction set '" +
                       std::string(to_string(set)) + "'");
  }
  chosen_set().store(set);
}

template <>
const RowKernels<float>& row_kernels<float>() {
  THINSET_SELECT_KERNELS(float32_kernels)
}
template <>
const RowKernels<double>& row_kernels<double>() {
  THINSET_SELECT_KERNELS(float64_kernels)
}
template <>
const RowKernels<Float16>& row_kernels<Float16>() {
  THINSET_SELECT_KERNELS(float16_kernels)
}
template <>
const RowKernels<BFloat16>& row_kernels<BFloat16>() {
  THINSET_SELECT_KERNELS(bfloat16_kernels)
}

}  // namespace thinset
