// Matrices that are hard for bounds: where rounding is largest, or where nothing is to be lost.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "rows/rows.hpp"
#include "thinset/metric.hpp"
#include "thinset/random.hpp"

namespace adversarial {

template <class T>
struct Matrix {
  std::string name;
  std::size_t n_rows;
  std::size_t n_columns;
  std::vector<T> values;

  [[nodiscard]] thinset::Rows<T> rows() const {
    return {values.data(), n_rows, n_columns, n_columns};
  }
};

inline constexpr std::size_t dimensions[] = {1, 15, 16, 17, 100, 1000};
inline constexpr thinset::Metric metrics[] = {
    thinset::Metric::euclidean, thinset::Metric::sqeuclidean, thinset::Metric::cosine};

// Values value(i, j) for every kind of difficulty; no row is zero. T is float or double.
template <class T>
std::vector<Matrix<T>> matrices(std::size_t n_rows, std::size_t n_columns, std::uint64_t seed) {
  thinset::Random random(seed);
  const auto uniform = [&] { return 2.0 * random.uniform() - 1.0; };
  std::vector<Matrix<T>> all;
  const auto add = [&](std::string name, const auto& value) {
    Matrix<T> matrix{std::move(name), n_rows, n_columns, std::vector<T>(n_rows * n_columns)};
    for (std::size_t i = 0; i < n_rows; ++i) {
      for (std::size_t j = 0; j < n_columns; ++j) {
        matrix.values[i * n_columns + j] = static_cast<T>(value(i, j));
      }
    }
    all.push_back(std::move(matrix));
  };
  const double tiny_difference = std::is_same_v<T, double> ? 1e-13 : 1e-5;
  const double tiny = std::is_same_v<T, double> ? 1e-90 : 1e-22;
  const double huge = std::is_same_v<T, double> ? 1e90 : 1e17;
  const double subnormal = std::is_same_v<T, double> ? 1e-100 : 1e-40;
  add("uniform", [&](std::size_t, std::size_t) { return uniform(); });
  add("duplicates", [&](std::size_t i, std::size_t j) {
    return std::sin(static_cast<double>((i % 3) * 37 + j + 1));
  });
  add("tiny differences on a large offset", [&](std::size_t, std::size_t j) {
    return 1.0 + std::cos(static_cast<double>(j)) / 4.0 + tiny_difference * uniform();
  });
  add("tiny", [&](std::size_t, std::size_t) { return tiny * uniform(); });
  add("huge", [&](std::size_t, std::size_t) { return huge * uniform(); });
  add("subnormal", [&](std::size_t, std::size_t) { return subnormal * uniform(); });
  add("mixed magnitudes",
      [&](std::size_t i, std::size_t) { return std::ldexp(uniform(), -static_cast<int>(i % 20)); });
  add("constant columns", [&](std::size_t, std::size_t j) { return j % 2 == 0 ? 3.0 : uniform(); });
  add("one direction", [&](std::size_t i, std::size_t j) {
    return (1.0 + static_cast<double>(i)) * std::sin(static_cast<double>(j) + 1.0);
  });
  add("opposite rows with a cluster between them", [&](std::size_t i, std::size_t j) {
    const double value = std::sin(static_cast<double>((i / 2) * 37 + j + 1));
    return (i % 2 == 0 ? value : -value) * (i < n_rows / 2 ? 1.0 : 1e-6);
  });
  return all;
}

}  // namespace adversarial
