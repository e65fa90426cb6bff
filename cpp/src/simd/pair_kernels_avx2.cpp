#define THINSET_KERNELS_NAMESPACE kernels_avx2
#include "simd/pair_kernels_impl.hpp"
