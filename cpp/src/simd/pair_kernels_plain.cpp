#define THINSET_KERNELS_NAMESPACE kernels_plain
#include "simd/pair_kernels_impl.hpp"
