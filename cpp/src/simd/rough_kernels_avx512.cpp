#define THINSET_KERNELS_NAMESPACE kernels_avx512
#include "simd/rough_kernels_impl.hpp"
