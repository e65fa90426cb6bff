#define THINSET_KERNELS_NAMESPACE kernels_avx512
#include "screen_kernels_impl.hpp"
