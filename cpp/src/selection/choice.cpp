#include "thinset/choice.hpp"

#include <cmath>
#include <string>

#include "runtime/number_text.hpp"
#include "selection/choice_messages.hpp"
#include "selection/pool.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

void require(bool met, const std::string& message) {
  if (!met) {
    throw InvalidInput(message);
  }
}

std::string name_of(Method method) {
  switch (method) {
    case Method::top_k:
      return "topk";
    case Method::max_sum:
      return "max_sum";
    case Method::max_min:
      return "max_min";
    case Method::facility_location:
      return "facility_location";
    case Method::kmeans:
      return "kmeans";
    case Method::random:
      return "random";
  }
  return "this method";
}

void require_length(std::size_t length, std::size_t n_rows, const std::string& name) {
  require(length == n_rows, name + " must have one entry per row: expected " +
                                std::to_string(n_rows) + ", got " + std::to_string(length));
}

void require_at_least_zero(const std::optional<double>& value, const std::string& name) {
  require(!value || (*value >= 0.0 && std::isfinite(*value)),
          name + " must be a finite number of at least 0, got " +
              (value ? text_of(*value) : std::string()));
}

void check_existing(const AnyMatrix& embeddings, const SelectionRequest& request) {
  const AnyMatrix& existing = *request.choice.existing;
  const std::string method = name_of(request.method);
  require(request.method == Method::max_min || request.method == Method::max_sum ||
              request.method == Method::facility_location,
          method +
              " does not measure distances to rows chosen before, so it takes no existing; "
              "use max_min, or leave rows out with exclude");
  require(existing.n_rows > 0,
          "existing must have at least one row, got none; leave it out if there are none");
  require(existing.n_columns == embeddings.n_columns,
          "existing must have as many columns as the embeddings: expected " +
              std::to_string(embeddings.n_columns) + ", got " + std::to_string(existing.n_columns));
  require(existing.element == embeddings.element,
          "existing must have the element type of the embeddings: expected " +
              std::string(to_string(embeddings.element)) + ", got " +
              std::string(to_string(existing.element)) + "; convert one of them");
}

void check_scores(std::size_t n_rows, const Choice& choice) {
  require(choice.scores || !choice.score_weight, "score_weight needs scores, one per row");
  require(choice.scores || !choice.min_score, "min_score needs scores, one per row");
  if (choice.scores) {
    require_length(choice.scores->size(), n_rows, "scores");
  }
  require_at_least_zero(choice.score_weight, "score_weight");
  require(!choice.min_score || !std::isnan(*choice.min_score),
          "min_score must be a number, got nan");
}

void check_groups(std::size_t n_rows, const SelectionRequest& request) {
  const Choice& choice = request.choice;
  require(choice.groups || !choice.max_per_group, "max_per_group needs groups, one per row");
  require(choice.groups || !choice.whole_groups, "whole_groups needs groups, one per row");
  require(choice.groups || !choice.one_per_group_first,
          "one_per_group_first needs groups, one per row");
  if (choice.groups) {
    require_length(choice.groups->size(), n_rows, "groups");
    require(choice.max_per_group || choice.whole_groups || choice.one_per_group_first,
            "groups change nothing without max_per_group, whole_groups or one_per_group_first; "
            "give one of these, or leave groups out");
  }
  require(!choice.max_per_group || *choice.max_per_group >= 1,
          "max_per_group must be at least 1, got 0; exclude leaves rows out");
  require(!choice.whole_groups || (!choice.max_per_group && !choice.one_per_group_first),
          "whole_groups takes all rows of a group: it excludes max_per_group and "
          "one_per_group_first");
  const bool is_per_class = request.per_class != PerClass::none || request.stratified;
  require(!is_per_class || (!choice.whole_groups && !choice.one_per_group_first),
          std::string(choice.whole_groups ? "whole_groups" : "one_per_group_first") +
              " does not combine with per_class or stratified, because a group may have rows of "
              "several classes; use max_per_group");
  require(!choice.whole_groups || request.method != Method::kmeans,
          "kmeans picks one row of each cluster, so it takes no whole_groups; use another method");
}

void check_costs(std::size_t n_rows, const SelectionRequest& request) {
  const Choice& choice = request.choice;
  require(choice.costs || !choice.budget, "budget needs costs, one per row");
  require(choice.budget || !choice.costs, "costs need a budget");
  if (!choice.costs) {
    return;
  }
  require_length(choice.costs->size(), n_rows, "costs");
  require(*choice.budget > 0.0 && std::isfinite(*choice.budget),
          "budget must be positive and finite, got " + text_of(*choice.budget));
  require(request.per_class == PerClass::none && !request.stratified,
          "budget does not combine with per_class or stratified: select from each class on its "
          "own, with its share of the budget");
}

}  // namespace

Cover cover_from_name(std::string_view name) {
  if (name == "all") return Cover::all;
  if (name == "candidates") return Cover::candidates;
  throw InvalidInput("cover must be all or candidates; got '" + std::string(name) + "'");
}

void refuse_entry(const std::string& rule, std::size_t row, double value,
                  const std::string& advice) {
  throw InvalidInput(rule + ": row " + std::to_string(row) + " has " + text_of(value) + "; " +
                     advice);
}

std::string why_rows_are_out(std::size_t n_not_among, std::size_t n_excluded, std::size_t n_low) {
  std::string text;
  const auto add = [&](const char* name, std::size_t n) {
    if (n > 0) {
      text += (text.empty() ? ": " : ", ") + std::string(name) + " leaves out " + std::to_string(n);
    }
  };
  add("among", n_not_among);
  add("exclude", n_excluded);
  add("a low score", n_low);
  return text;
}

void check_choice(const AnyMatrix& embeddings, const SelectionRequest& request) {
  const Choice& choice = request.choice;
  const std::size_t n = embeddings.n_rows;
  const std::string method = name_of(request.method);
  check_scores(n, choice);
  check_groups(n, request);
  check_costs(n, request);
  require(!choice.cover || request.method == Method::facility_location ||
              request.method == Method::kmeans,
          "cover applies only to facility_location and kmeans, which represent rows; " + method +
              " does not");
  require(!choice.min_distance || request.method == Method::max_min,
          "min_distance applies only to max_min; this method is " + method);
  require_at_least_zero(choice.min_distance, "min_distance");
  if (choice.existing) {
    check_existing(embeddings, request);
  }
  require(!choice.one_per_group_first || request.method != Method::kmeans,
          "kmeans picks one row of each cluster, so it takes no one_per_group_first; use "
          "max_per_group=1 or another method");
  require(!choice.one_per_group_first || request.method != Method::top_k || request.top_k.refill,
          "one_per_group_first needs refill=True with topk");
  require(
      request.max_swaps == 0 || !choice.min_distance,
      "max_swaps does not combine with min_distance, which lets in all rows that are far enough; "
      "pass max_swaps=0");
  const bool changes_gains = choice.existing || choice.scores || choice.groups || choice.costs;
  require(request.max_swaps == 0 || !changes_gains,
          "max_swaps does not combine with existing, scores, groups or costs; pass max_swaps=0");
  if (request.n_samples == 0) {
    require(choice.budget || choice.min_distance,
            "n_samples may be left out only with a budget or a min_distance");
    require(request.method != Method::kmeans,
            "kmeans needs n_samples, the number of its clusters; a budget limits it further");
    require(request.per_class == PerClass::none && !request.stratified,
            "per_class and stratified need n_samples, which the classes share");
    require(request.method != Method::top_k || request.top_k.refill,
            "refill=False needs n_samples, which the elements share");
  }
}

}  // namespace thinset
