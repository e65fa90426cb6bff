#include "choice_arguments.hpp"

#include <algorithm>
#include <iterator>
#include <type_traits>

namespace py = pybind11;

namespace thinset::bindings {

namespace {

struct Argument {
  std::string_view name;
  void (*set)(ChoiceArguments& arguments, const py::handle& value);
};

// Sets the member of the argument.
template <auto member>
void set(ChoiceArguments& arguments, const py::handle& value) {
  using Value = std::remove_reference_t<decltype(arguments.*member)>;
  arguments.*member = value.cast<Value>();
}

constexpr Argument all_arguments[] = {
    {"exclude", set<&ChoiceArguments::exclude>},
    {"among", set<&ChoiceArguments::among>},
    {"cover", set<&ChoiceArguments::cover>},
    {"existing", set<&ChoiceArguments::existing>},
    {"scores", set<&ChoiceArguments::scores>},
    {"score_weight", set<&ChoiceArguments::score_weight>},
    {"min_score", set<&ChoiceArguments::min_score>},
    {"groups", set<&ChoiceArguments::groups>},
    {"max_per_group", set<&ChoiceArguments::max_per_group>},
    {"whole_groups", set<&ChoiceArguments::whole_groups>},
    {"one_per_group_first", set<&ChoiceArguments::one_per_group_first>},
    {"costs", set<&ChoiceArguments::costs>},
    {"budget", set<&ChoiceArguments::budget>},
    {"min_distance", set<&ChoiceArguments::min_distance>},
};

}  // namespace

bool ChoiceArguments::take(std::string_view name, const py::handle& value) {
  const auto* const argument = std::ranges::find(all_arguments, name, &Argument::name);
  if (argument == std::end(all_arguments)) {
    return false;
  }
  if (!value.is_none()) {
    argument->set(*this, value);
  }
  return true;
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
