#define THINSET_KERNELS_NAMESPACE kernels_plain
#include "pair_kernels_impl.hpp"
