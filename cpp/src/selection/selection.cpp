#include "thinset/selection.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>

#include "methods/top_k.hpp"
#include "rows/column_summary.hpp"
#include "rows/loss.hpp"
#include "rows/magnitudes.hpp"
#include "runtime/number_text.hpp"
#include "selection/class_budgets.hpp"
#include "selection/pick.hpp"
#include "selection/pool.hpp"
#include "selection/row_checks.hpp"
#include "selection/select_from_pool.hpp"
#include "selection/within_memory.hpp"
#include "thinset/error.hpp"
#include "thinset/processors.hpp"
#include "thinset/random.hpp"

namespace thinset {

namespace {

// The classes that rows are picked from, each with the initial rows that belong to it.
struct Classes {
  std::vector<ClassBudget> budgets;
  std::vector<std::vector<std::size_t>> initial;
};

Classes classes_of(const SelectionRequest& request, PerClass per_class) {
  Classes classes;
  if (per_class != PerClass::none) {
    classes.budgets = class_budgets(request.labels, request.n_samples, per_class);
    for (const ClassBudget& budget : classes.budgets) {
      classes.initial.push_back(initial_in_class(budget, request.initial_subset));
    }
  }
  return classes;
}

template <class T>
RowPicks pick_per_class(const Rows<T>& rows, const SelectionRequest& request,
                        const Classes& classes, Random& random, Job& job) {
  std::vector<Picks> picks(classes.budgets.size());
  std::uint64_t units = 0;
  for (const ClassBudget& budget : classes.budgets) {
    units += units_of_work(request, budget.budget);
  }
  job.set_total(units);
  for (std::size_t c = 0; c < picks.size(); ++c) {
    const ClassBudget& budget = classes.budgets[c];
    if (budget.budget > 0) {
      const Rows<T> members = rows.restricted_to(budget.rows);
      const ColumnSummary summary = summarise_columns(members, job);
      if (measures_spans(request)) {
        check_span(summary, budget.label);
      }
      Terms terms;
      picks[c] =
          pick(members, summary, budget.budget, request, classes.initial[c], terms, random, job);
    }
  }
  return merge_class_picks(classes.budgets, picks);
}

void check_bandwidth(const SelectionRequest& request) {
  const double bandwidth = request.facility_location.bandwidth;
  if (bandwidth == 0.0) {
    return;
  }
  std::ostringstream message;
  if (!is_gaussian(request)) {
    message << "bandwidth applies only to kernel gaussian of facility_location, got " << bandwidth;
    throw InvalidInput(message.str());
  }
  if (!(bandwidth >= Loss::smallest_bandwidth && bandwidth <= Loss::largest_bandwidth)) {
    message << "bandwidth must be in [" << Loss::smallest_bandwidth << ", "
            << Loss::largest_bandwidth << "], got " << bandwidth;
    throw InvalidInput(message.str());
  }
}

template <class T>
SelectionResult result_of(const Rows<T>& rows, const SelectionRequest& asked, Job& job) {
  SelectionRequest request = asked;
  const PerClass per_class = request.stratified ? PerClass::proportional : request.per_class;
  // Before any value is read, so that errors of the request come first.
  const Classes classes = classes_of(request, per_class);
  Random random(request.seed);
  const std::vector<std::size_t> initial(request.initial_subset.begin(),
                                         request.initial_subset.end());
  const auto as_result = [&](RowPicks picks, const std::vector<std::size_t>& constant_columns) {
    return SelectionResult{std::move(picks.rows),
                           std::move(picks.gains),
                           {constant_columns.begin(), constant_columns.end()},
                           std::move(picks.swaps),
                           0.0,
                           request.facility_location.bandwidth};
  };
  const auto all_rows = [](Picks picks) {
    return RowPicks{
        {picks.rows.begin(), picks.rows.end()}, std::move(picks.gains), std::move(picks.swaps)};
  };
  if (request.method == Method::top_k && per_class == PerClass::none) {
    job.set_total(rows.size());
    TopKPicks result = top_k(rows, request.n_samples, request.top_k, initial, job);
    return as_result(all_rows(std::move(result.picks)), result.constant_columns);
  }
  // Every value is checked, whatever the method reads, so that no NaN is missed.
  ColumnSummary summary;
  if (request.method == Method::random) {
    require_finite(rows, job);
  } else {
    summary = summarise_columns(rows, job);
  }
  if (measures_distances(request.method)) {
    check_largest_value(summary);
  }
  if (measures_spans(request)) {
    check_span(summary);
  }
  request = with_bandwidth(rows, request, job);
  const std::vector<std::size_t> constant =
      request.method == Method::top_k ? summary.constant_columns() : std::vector<std::size_t>{};
  if (per_class != PerClass::none) {
    return as_result(pick_per_class(rows, request, classes, random, job), constant);
  }
  job.set_total(units_of_work(request, request.n_samples));
  Terms terms;
  return as_result(
      all_rows(pick(rows, summary, request.n_samples, request, initial, terms, random, job)),
      constant);
}

}  // namespace

Metric measured_metric(const SelectionRequest& request) {
  const bool is_of_cosines = request.method == Method::facility_location &&
                             request.facility_location.kernel == CoverageKernel::cosine;
  return is_of_cosines ? Metric::cosine : request.metric;
}

void check_request(const AnyMatrix& embeddings, const SelectionRequest& request) {
  const std::size_t n = embeddings.n_rows;
  check_shape(n, embeddings.n_columns);
  const bool is_open =
      request.n_samples == 0 && (request.choice.budget || request.choice.min_distance);
  if (!is_open) {
    check_n_samples(request.n_samples, n);
  }
  const bool needs_labels = request.per_class != PerClass::none || request.stratified;
  if (needs_labels && request.labels.empty()) {
    throw InvalidInput(request.stratified ? "stratified needs labels, one per row"
                                          : "per_class needs labels, one per row");
  }
  if (!request.labels.empty() && request.labels.size() != n) {
    throw InvalidInput("labels must have one entry per row: expected " + std::to_string(n) +
                       ", got " + std::to_string(request.labels.size()));
  }
  if (request.method == Method::kmeans && request.metric == Metric::cosine) {
    throw InvalidInput("kmeans takes Euclidean distances; scale the rows to norm 1 for cosine");
  }
  check_bandwidth(request);
  if (request.stratified && request.method != Method::random) {
    throw InvalidInput(
        "stratified applies only to the method random; use per_class with other methods");
  }
  if (request.stratified && request.per_class == PerClass::balanced) {
    throw InvalidInput("stratified draws in proportion: it excludes per_class balanced");
  }
  if (!request.choice.is_free()) {
    check_choice(embeddings, request);
  }
  if (request.method == Method::kmeans && !request.initial_subset.empty()) {
    throw InvalidInput("kmeans chooses all its rows together and takes no initial_subset");
  }
  check_initial_subset(request.initial_subset, n, request.n_samples);
}

Method method_from_name(std::string_view name) {
  if (name == "topk") return Method::top_k;
  if (name == "max_sum") return Method::max_sum;
  if (name == "max_min") return Method::max_min;
  if (name == "facility_location") return Method::facility_location;
  if (name == "kmeans") return Method::kmeans;
  if (name == "random") return Method::random;
  throw InvalidInput(
      "method must be one of topk, max_sum, max_min, facility_location, kmeans, random; got '" +
      std::string(name) + "'");
}

PerClass per_class_from_name(std::string_view name) {
  if (name == "balanced") return PerClass::balanced;
  if (name == "proportional") return PerClass::proportional;
  throw InvalidInput("per_class must be balanced or proportional; got '" + std::string(name) + "'");
}

std::size_t samples_of_fraction(double fraction, std::size_t n_rows) {
  if (!(fraction > 0.0 && fraction <= 1.0)) {
    throw InvalidInput("n_samples as a fraction must be in (0, 1], got " + text_of(fraction));
  }
  const double n = std::floor(fraction * static_cast<double>(n_rows) + 0.5);
  return std::max<std::size_t>(1, static_cast<std::size_t>(n));
}

unsigned threads_for(const AnyMatrix& embeddings, const SelectionRequest& request) {
  // Values read, at a quarter of a nanosecond each; greedy methods skip most rows after some picks.
  constexpr double worth_starting = 1 << 19;
  constexpr double most_readings = 64.0;
  const auto n_rows = static_cast<double>(embeddings.n_rows);
  double readings = 1.0;
  if (request.method == Method::facility_location) {
    readings = n_rows;
  } else if (request.method != Method::top_k && request.method != Method::random) {
    readings += request.n_samples == 0
                    ? most_readings
                    : std::min(static_cast<double>(request.n_samples), most_readings);
  }
  const bool is_worth_it =
      n_rows * static_cast<double>(embeddings.n_columns) * readings > worth_starting;
  return is_worth_it ? std::min(available_processors(), Job::max_threads) : 1;
}

SelectionResult select(const AnyMatrix& embeddings, const SelectionRequest& request, Job& job) {
  check_request(embeddings, request);
  if (!request.choice.is_free()) {
    return select_from_pool(embeddings, request, job);
  }
  const SelectionRequest bounded = within_memory(embeddings, request, job.n_threads());
  return visit(embeddings, [&](const auto& rows) { return result_of(rows, bounded, job); });
}

}  // namespace thinset
