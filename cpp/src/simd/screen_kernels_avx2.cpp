#define THINSET_KERNELS_NAMESPACE kernels_avx2
#include "simd/screen_kernels_impl.hpp"
