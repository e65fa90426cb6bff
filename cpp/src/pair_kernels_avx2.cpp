#define THINSET_KERNELS_NAMESPACE kernels_avx2
#include "pair_kernels_impl.hpp"
