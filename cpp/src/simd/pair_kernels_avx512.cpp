#define THINSET_KERNELS_NAMESPACE kernels_avx512
#include "simd/pair_kernels_impl.hpp"
