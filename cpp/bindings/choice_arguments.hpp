// The keyword arguments of a selection that all methods share.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "arrays_read.hpp"
#include "numpy_view.hpp"
#include "thinset/choice.hpp"

namespace thinset::bindings {

// A keyword argument for each member of Choice. The arrays are views of the caller's, and must
// outlive the choice.
struct ChoiceArguments {
  std::optional<Int64Array> exclude;
  std::optional<Int64Array> among;
  std::optional<std::string> cover;
  std::optional<Embeddings> existing;
  std::optional<DoubleArray> scores;
  std::optional<double> score_weight;
  std::optional<double> min_score;
  std::optional<Int64Array> groups;
  std::optional<std::size_t> max_per_group;
  bool whole_groups = false;
  bool one_per_group_first = false;
  std::optional<DoubleArray> costs;
  std::optional<double> budget;
  std::optional<double> min_distance;

  // Sets the member of this name and returns true, or false if there is none. None changes nothing.
  // Throws cast_error for a value of the wrong type.
  bool take(std::string_view name, const pybind11::handle& value);
  [[nodiscard]] Choice choice(bool bfloat16) const;
  void add_to(ArraysRead& arrays) const;
};

}  // namespace thinset::bindings
