// What tests of bounds share: data that are hard for them, and every instruction set.
#pragma once

#include <cstddef>
#include <string>

#include "adversarial.hpp"
#include "check.hpp"
#include "thinset/instruction_set.hpp"
#include "thinset/metric.hpp"

namespace bound_cases {

inline constexpr std::size_t n_rows = 48;

// body(matrix, metric) for every adversarial matrix, dimension and metric.
template <class T, class Body>
void for_each_case(const Body& body) {
  for (const std::size_t n_columns : adversarial::dimensions) {
    for (const auto& matrix : adversarial::matrices<T>(n_rows, n_columns, n_columns)) {
      for (const thinset::Metric metric : adversarial::metrics) {
        body(matrix, metric);
      }
    }
  }
}

inline void check_bound(bool holds, const std::string& bound, const std::string& data,
                        std::size_t n_columns, thinset::Metric metric) {
  const std::string what = bound + " on '" + data + "', " + std::to_string(n_columns) +
                           " columns, " + std::string(to_string(metric));
  check::expect(holds, what.c_str(), __FILE__, __LINE__);
}

template <class Body>
void for_each_instruction_set(const Body& body) {
  for (const thinset::InstructionSet set : thinset::available_instruction_sets()) {
    thinset::use_instruction_set(set);
    body();
  }
  thinset::use_instruction_set(thinset::available_instruction_sets().back());
}

}  // namespace bound_cases
