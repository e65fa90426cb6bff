#include "simd/screen_kernels.hpp"

#include "thinset/row_kernels.hpp"

namespace thinset {

namespace kernels_plain {
extern const ScreenKernels screen_kernels;
}
#ifdef THINSET_X86_KERNELS
namespace kernels_avx2 {
extern const ScreenKernels screen_kernels;
}
namespace kernels_avx512 {
extern const ScreenKernels screen_kernels;
}
#endif

const ScreenKernels& screen_kernels() {
  switch (current_instruction_set()) {
#ifdef THINSET_X86_KERNELS
    case InstructionSet::avx512:
      return kernels_avx512::screen_kernels;
    case InstructionSet::avx2:
      return kernels_avx2::screen_kernels;
#endif
    default:
      return kernels_plain::screen_kernels;
  }
}

}  // namespace thinset
