#define THINSET_KERNELS_NAMESPACE kernels_avx512
#include "simd/row_kernels_impl.hpp"
