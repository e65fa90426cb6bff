/// @file
/// The element types of embeddings and their exact widening to double.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

enum class Element { float32, float64, float16, bfloat16 };

std::string_view to_string(Element element);

/// IEEE 754 binary16 and bfloat16 as stored in memory. C++20 has no portable type for either.
struct Float16 {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};

template <class T>
inline constexpr Element element_of = Element::float32;
template <>
inline constexpr Element element_of<double> = Element::float64;
template <>
inline constexpr Element element_of<Float16> = Element::float16;
template <>
inline constexpr Element element_of<BFloat16> = Element::bfloat16;

}  // namespace THINSET_API thinset
