// The keyword arguments of a selection that all methods share.
#pragma once

#include <optional>
#include <string>

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

  // Takes its members out of `keywords`. Throws InvalidInput for a value of the wrong type.
  void take_from(pybind11::dict& keywords);
  [[nodiscard]] Choice choice(bool bfloat16) const;
  void add_to(ArraysRead& arrays) const;
};

}  // namespace thinset::bindings
