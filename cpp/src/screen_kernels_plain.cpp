#define THINSET_KERNELS_NAMESPACE kernels_plain
#include "screen_kernels_impl.hpp"
