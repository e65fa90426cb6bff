#define THINSET_KERNELS_NAMESPACE kernels_avx2
#include "simd/rough_kernels_impl.hpp"
