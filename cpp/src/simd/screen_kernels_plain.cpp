#define THINSET_KERNELS_NAMESPACE kernels_plain
#include "simd/screen_kernels_impl.hpp"
