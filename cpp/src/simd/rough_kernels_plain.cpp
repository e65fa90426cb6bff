#define THINSET_KERNELS_NAMESPACE kernels_plain
#include "simd/rough_kernels_impl.hpp"
