#define THINSET_KERNELS_NAMESPACE kernels_avx2
#include "row_kernels_impl.hpp"
