#define THINSET_KERNELS_NAMESPACE kernels_plain
#include "row_kernels_impl.hpp"
