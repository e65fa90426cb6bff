#include "choice_arguments.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

template <class Value>
void take(py::dict& keywords, const char* name, Value& member) {
  if (!keywords.contains(name)) {
    return;
  }
  const py::object value = keywords.attr("pop")(name);
  if (value.is_none()) {
    return;
  }
  try {
    member = value.cast<Value>();
  } catch (const py::cast_error&) {
    throw InvalidInput(std::string(name) +
                       " has a value of the wrong type: " + std::string(py::repr(value)));
  }
}

}  // namespace

void ChoiceArguments::take_from(py::dict& keywords) {
  take(keywords, "exclude", exclude);
  take(keywords, "among", among);
  take(keywords, "cover", cover);
  take(keywords, "existing", existing);
  take(keywords, "scores", scores);
  take(keywords, "score_weight", score_weight);
  take(keywords, "min_score", min_score);
  take(keywords, "groups", groups);
  take(keywords, "max_per_group", max_per_group);
  take(keywords, "whole_groups", whole_groups);
  take(keywords, "one_per_group_first", one_per_group_first);
  take(keywords, "costs", costs);
  take(keywords, "budget", budget);
  take(keywords, "min_distance", min_distance);
}

Choice ChoiceArguments::choice(bool bfloat16) const {
  Choice choice;
  if (exclude) choice.exclude = int64_view(*exclude, "exclude");
  if (among) choice.among = int64_view(*among, "among");
  if (cover) choice.cover = cover_from_name(*cover);
  if (existing) {
    try {
      choice.existing = matrix_view(*existing, bfloat16);
    } catch (const InvalidInput& error) {
      throw InvalidInput(std::string("existing: ") + error.what());
    }
  }
  if (scores) choice.scores = double_view(*scores, "scores");
  choice.score_weight = score_weight;
  choice.min_score = min_score;
  if (groups) choice.groups = int64_view(*groups, "groups");
  choice.max_per_group = max_per_group;
  choice.whole_groups = whole_groups;
  choice.one_per_group_first = one_per_group_first;
  if (costs) choice.costs = double_view(*costs, "costs");
  choice.budget = budget;
  choice.min_distance = min_distance;
  return choice;
}

void ChoiceArguments::add_to(ArraysRead& arrays) const {
  if (exclude) arrays.add(*exclude, "rows of exclude");
  if (among) arrays.add(*among, "rows of among");
  if (existing) arrays.add(*existing, "existing embeddings");
  if (scores) arrays.add(*scores, "scores");
  if (groups) arrays.add(*groups, "groups");
  if (costs) arrays.add(*costs, "costs");
}

}  // namespace thinset::bindings
