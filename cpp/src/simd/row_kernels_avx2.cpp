#define THINSET_KERNELS_NAMESPACE kernels_avx2
#include "simd/row_kernels_impl.hpp"
