#define THINSET_KERNELS_NAMESPACE kernels_plain
#include "simd/row_kernels_impl.hpp"
