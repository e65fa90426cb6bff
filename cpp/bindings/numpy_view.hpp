// Converts between numpy arrays and the library's views, without copying arrays.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "thinset/error.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/npy_array.hpp"

namespace thinset::bindings {

// A 2-D array of float32, float64 or float16, or of uint16 that holds bfloat16. Columns must be
// contiguous; rows may have any positive stride.
inline AnyMatrix matrix_view(const pybind11::array& array, bool bfloat16) {
  const auto shape = [&] {
    std::vector<std::uint64_t> lengths(array.shape(), array.shape() + array.ndim());
    return format_shape(lengths);
  };
  if (array.ndim() != 2) {
    throw InvalidInput("embeddings must be a 2-D array (rows, elements), got shape " + shape());
  }
  const pybind11::dtype type = array.dtype();
  const char kind = type.kind();
  const auto item = array.itemsize();
  const bool is_native = type.byteorder() != '>';
  AnyMatrix matrix;
  if (bfloat16 && is_native && kind == 'u' && item == 2) {
    matrix.element = Element::bfloat16;
  } else if (!bfloat16 && is_native && kind == 'f' && item == 4) {
    matrix.element = Element::float32;
  } else if (!bfloat16 && is_native && kind == 'f' && item == 8) {
    matrix.element = Element::float64;
  } else if (!bfloat16 && is_native && kind == 'f' && item == 2) {
    matrix.element = Element::float16;
  } else {
    throw InvalidInput("embeddings must be float16, bfloat16, float32 or float64, got " +
                       std::string(pybind11::str(type)));
  }
  matrix.n_rows = static_cast<std::size_t>(array.shape(0));
  matrix.n_columns = static_cast<std::size_t>(array.shape(1));
  const bool adjacent = array.strides(1) == item || matrix.n_columns <= 1;
  const bool row_stride_fits =
      array.strides(0) >= array.shape(1) * item && array.strides(0) % item == 0;
  const bool has_values = matrix.n_rows > 0 && matrix.n_columns > 0;
  if (has_values && !(adjacent && (row_stride_fits || matrix.n_rows == 1))) {
    throw InvalidInput("embeddings must be stored row by row (C order), got strides (" +
                       std::to_string(array.strides(0)) + ", " + std::to_string(array.strides(1)) +
                       ") bytes; pass a contiguous copy");
  }
  matrix.row_stride =
      matrix.n_rows > 1 ? static_cast<std::size_t>(array.strides(0) / item) : matrix.n_columns;
  matrix.data = array.data();
  return matrix;
}

// One array, or several as shards of one matrix.
using Embeddings = std::variant<pybind11::array, std::vector<pybind11::array>>;

inline AnyMatrix matrix_view(const Embeddings& embeddings, bool bfloat16) {
  if (const auto* array = std::get_if<pybind11::array>(&embeddings)) {
    return matrix_view(*array, bfloat16);
  }
  std::vector<AnyMatrix> shards;
  for (const pybind11::array& array : std::get<std::vector<pybind11::array>>(embeddings)) {
    try {
      shards.push_back(matrix_view(array, bfloat16));
    } catch (const InvalidInput& error) {
      throw InvalidInput("shard " + std::to_string(shards.size()) + ": " + error.what());
    }
  }
  return stack(shards);
}

// A 1-D int64 array (converted and made contiguous by the caller's c_style | forcecast argument).
using Int64Array = pybind11::array_t<std::int64_t, pybind11::array::c_style>;

inline std::span<const std::int64_t> int64_view(const Int64Array& array, const char* name) {
  if (array.ndim() != 1) {
    throw InvalidInput(std::string(name) + " must be a 1-D array, got " +
                       std::to_string(array.ndim()) + " axes");
  }
  return {array.data(), static_cast<std::size_t>(array.size())};
}

// The same for float64.
using DoubleArray = pybind11::array_t<double, pybind11::array::c_style>;

inline std::span<const double> double_view(const DoubleArray& array, const char* name) {
  if (array.ndim() != 1) {
    throw InvalidInput(std::string(name) + " must be a 1-D array, got " +
                       std::to_string(array.ndim()) + " axes");
  }
  return {array.data(), static_cast<std::size_t>(array.size())};
}

// Gives ownership of a vector to numpy; copies a few values, which takes less time.
template <class Value>
pybind11::array_t<Value> numpy_array(std::vector<Value>&& values) {
  constexpr std::size_t few = 1024;
  if (values.size() <= few) {
    return pybind11::array_t<Value>(static_cast<pybind11::ssize_t>(values.size()), values.data());
  }
  auto* owned = new std::vector<Value>(std::move(values));
  const pybind11::capsule owner(owned, [](void* p) { delete static_cast<std::vector<Value>*>(p); });
  return pybind11::array_t<Value>(static_cast<pybind11::ssize_t>(owned->size()), owned->data(),
                                  owner);
}

}  // namespace thinset::bindings
