// The element types that every template over rows is compiled for.
#pragma once

#include "thinset/element.hpp"

#define THINSET_FOR_EACH_ELEMENT(INSTANTIATE) \
  INSTANTIATE(float)                          \
  INSTANTIATE(double)                         \
  INSTANTIATE(Float16)                        \
  INSTANTIATE(BFloat16)
