#define THINSET_KERNELS_NAMESPACE kernels_avx2
#include "screen_kernels_impl.hpp"
