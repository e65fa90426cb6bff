#include "simd/pair_kernels.hpp"

#include "thinset/row_kernels.hpp"

namespace thinset {

namespace kernels_plain {
extern const PairKernels pair_kernels;
}
#ifdef THINSET_X86_KERNELS
namespace kernels_avx2 {
extern const PairKernels pair_kernels;
}
namespace kernels_avx512 {
extern const PairKernels pair_kernels;
}
#endif

const PairKernels& pair_kernels() {
  switch (current_instruction_set()) {
#ifdef THINSET_X86_KERNELS
    case InstructionSet::avx512:
      return kernels_avx512::pair_kernels;
    case InstructionSet::avx2:
      return kernels_avx2::pair_kernels;
#endif
    default:
      return kernels_plain::pair_kernels;
  }
}

}  // namespace thinset
