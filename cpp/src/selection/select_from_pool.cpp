#include "selection/select_from_pool.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rows/magnitudes.hpp"
#include "selection/class_budgets.hpp"
#include "selection/pick.hpp"
#include "selection/pool.hpp"
#include "selection/within_memory.hpp"

namespace thinset {

namespace {

// Throws what the embeddings would be refused with, for rows that have numbers of their own.
void check_values_of_existing(const SelectionRequest& request, Job& job) {
  try {
    visit(*request.choice.existing, [&]<class T>(const Rows<T>& rows) {
      check_largest_value(summarise_columns(rows, job));
      const DistanceMeter<T> checks_norms(rows, measured_metric(request), job);
    });
  } catch (const FormatError&) {
    throw;
  } catch (const InvalidInput& error) {
    throw InvalidInput(std::string("existing: ") + error.what());
  }
}

template <class T>
class PoolSelection {
 public:
  PoolSelection(const Rows<T>& rows, const SelectionRequest& request, Pool& pool, Job& job)
      : rows_(rows), request_(request), pool_(pool), job_(job), random_(request.seed) {}

  SelectionResult run() {
    std::uint64_t units = 0;
    for (const ClassBudget& part : pool_.parts()) {
      units += units_of_work(request_, part.budget);
    }
    job_.set_total(units);
    std::vector<Picks> picks(pool_.parts().size());
    for (std::size_t p = 0; p < picks.size(); ++p) {
      const ClassBudget& part = pool_.parts()[p];
      if (part.budget == 0) {
        // Throws for rows of the initial subset, which would be lost.
        static_cast<void>(initial_in_class(part, request_.initial_subset));
        continue;
      }
      pool_.begin(part);
      picks[p] = pick_in(part, Competition::by_weight);
    }
    if (request_.method == Method::facility_location && request_.choice.budget) {
      prefer_gains_without_costs(picks[0], units);
    }
    RowPicks merged = merge_class_picks(pool_.parts(), picks);
    if (merged.rows.empty() && !request_.choice.min_distance) {
      throw InvalidInput(
          "no row may be chosen: every group has more rows than n_samples, or costs more than the "
          "budget; raise these, or use max_per_group in place of whole_groups");
    }
    SelectionResult result{
        std::move(merged.rows), std::move(merged.gains), {}, std::move(merged.swaps), spent_};
    if (request_.method == Method::top_k) {
      const auto columns = whole_.min.empty() ? constant_columns_ : whole_.constant_columns();
      result.constant_columns.assign(columns.begin(), columns.end());
    }
    return result;
  }

 private:
  // The better of the picks by gain per cost and of those by gain alone, which begin with the best
  // row that the budget allows (Leskovec et al. 2007). A budget has one part.
  void prefer_gains_without_costs(Picks& by_cost, std::uint64_t units) {
    const double spent = spent_;
    pool_.forget_picks();
    job_.set_total(units);
    Picks by_gain = pick_in(pool_.parts()[0], Competition::by_factor);
    const auto total = [](const Picks& picks) {
      return std::accumulate(picks.gains.begin(), picks.gains.end(), 0.0);
    };
    if (total(by_gain) > total(by_cost)) {
      by_cost = std::move(by_gain);
    } else {
      spent_ = spent;
    }
  }

  Picks pick_in(const ClassBudget& part, Competition competition) {
    const Rows<T> members = pool_.is_whole(part) ? rows_ : rows_.restricted_to(part.rows);
    const bool is_class = request_.per_class != PerClass::none || request_.stratified;
    // topk in one part checks the values itself.
    const ColumnSummary summary = request_.method == Method::top_k && !is_class
                                      ? ColumnSummary{}
                                      : summarise_columns(members, job_);
    add(summary);
    if (measures_distances(request_.method)) {
      check_largest_value(summary);
    }
    if (measures_spans(request_)) {
      check_span(summary, is_class ? std::optional(part.label) : std::nullopt);
    }
    const Choice& choice = request_.choice;
    std::vector<std::size_t> initial = pool_.initial(part);
    Picks picks;
    if (choice.one_per_group_first) {
      Terms terms = pool_.terms(part, 1, competition);
      const std::size_t n_elsewhere = terms.n_elsewhere;
      picks = pick_with(members, summary, part.budget, initial, terms);
      pool_.forget_picks();
      initial.resize(n_elsewhere);
      initial.insert(initial.end(), picks.rows.begin(), picks.rows.end());
    }
    if (picks.rows.size() < part.budget) {
      Terms terms = pool_.terms(part, choice.max_per_group, competition);
      // The picks of the first round are in the result already.
      terms.n_elsewhere += picks.rows.size();
      const Picks more =
          pick_with(members, summary, part.budget - picks.rows.size(), initial, terms);
      picks.rows.insert(picks.rows.end(), more.rows.begin(), more.rows.end());
      picks.gains.insert(picks.gains.end(), more.gains.begin(), more.gains.end());
      picks.swaps = more.swaps;
    }
    if (picks.rows.size() < part.budget && !pool_.may_fall_short()) {
      throw InvalidInput(
          (is_class ? "class " + std::to_string(part.label) + " can give only "
                    : std::string("the groups can give only ")) +
          std::to_string(picks.rows.size()) + " of " + std::to_string(part.budget) +
          " rows, because max_per_group leaves no more; lower n_samples or raise max_per_group");
    }
    return picks;
  }

  Picks pick_with(const Rows<T>& members, const ColumnSummary& summary, std::size_t k,
                  const std::vector<std::size_t>& initial, Terms& terms) {
    Picks picks;
    if (request_.method == Method::top_k) {
      TopKPicks result = top_k(members, k, request_.top_k, initial, terms, job_);
      picks = std::move(result.picks);
      constant_columns_ = std::move(result.constant_columns);
    } else {
      picks = pick(members, summary, k, request_, initial, terms, random_, job_);
    }
    if (terms.limits) {
      spent_ = terms.limits->spent();
    }
    return picks;
  }

  // Extends the summary of all parts.
  void add(const ColumnSummary& summary) {
    if (whole_.min.empty()) {
      whole_ = summary;
    }
    for (std::size_t j = 0; j < summary.min.size(); ++j) {
      whole_.min[j] = std::min(whole_.min[j], summary.min[j]);
      whole_.max[j] = std::max(whole_.max[j], summary.max[j]);
    }
  }

  const Rows<T>& rows_;
  const SelectionRequest& request_;
  Pool& pool_;
  Job& job_;
  Random random_;
  std::vector<std::size_t> constant_columns_;
  ColumnSummary whole_;
  double spent_ = 0.0;
};

}  // namespace

SelectionResult select_from_pool(const AnyMatrix& embeddings, const SelectionRequest& request,
                                 Job& job) {
  const SelectionRequest bounded = within_memory(embeddings, request, job.n_threads());
  Pool pool(embeddings, bounded);
  if (request.choice.existing) {
    check_values_of_existing(request, job);
  }
  const SelectionRequest settled =
      visit(embeddings, [&](const auto& rows) { return with_bandwidth(rows, bounded, job); });
  return visit(pool.stacked(embeddings), [&]<class T>(const Rows<T>& rows) {
    SelectionResult result = PoolSelection<T>(rows, settled, pool, job).run();
    result.bandwidth = settled.facility_location.bandwidth;
    return result;
  });
}

}  // namespace thinset
