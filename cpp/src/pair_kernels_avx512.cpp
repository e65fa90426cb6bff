#define THINSET_KERNELS_NAMESPACE kernels_avx512
#include "pair_kernels_impl.hpp"
