#include "selection/pool.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <unordered_map>
#include <utility>

#include "runtime/number_text.hpp"
#include "selection/choice_messages.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

// Factors and weights further apart than this would underflow when they are squared and multiplied.
constexpr double smallest_relative_factor = 1e-60;

void mark(std::span<const std::int64_t> rows, const char* name, std::vector<char>& flags,
          char value) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || static_cast<std::uint64_t>(rows[i]) >= flags.size()) {
      throw InvalidInput(std::string(name) + " must hold rows in [0, " +
                         std::to_string(flags.size()) + "): position " + std::to_string(i) +
                         " holds " + std::to_string(rows[i]));
    }
    flags[static_cast<std::size_t>(rows[i])] = value;
  }
}

std::size_t n_zeros(const std::vector<char>& flags) {
  return static_cast<std::size_t>(std::ranges::count(flags, 0));
}

}  // namespace

Pool::Pool(const AnyMatrix& embeddings, const SelectionRequest& request)
    : request_(request),
      choice_(request.choice),
      n_rows_(embeddings.n_rows),
      n_existing_(choice_.existing ? choice_.existing->n_rows : 0),
      n_samples_(request.n_samples),
      is_allowed_(n_rows_, 1),
      is_initial_(n_rows_, 0) {
  for (const std::int64_t row : request.initial_subset) {
    is_initial_[static_cast<std::size_t>(row)] = 1;
  }
  allow_rows();
  read_scores();
  read_costs();
  if (choice_.groups) {
    number_groups();
  }
  for (std::size_t row = 0; row < n_rows_; ++row) {
    n_allowed_ += static_cast<std::size_t>(is_allowed_[row] != 0 && is_initial_[row] == 0);
  }
  require_enough();
  settle_n_samples();
  weights_ = weights(Competition::by_weight);
  split();
}

void Pool::allow_rows() {
  if (choice_.among) {
    std::ranges::fill(is_allowed_, 0);
    mark(*choice_.among, "among", is_allowed_, 1);
    n_not_among_ = n_zeros(is_allowed_);
  }
  if (choice_.exclude) {
    mark(*choice_.exclude, "exclude", is_allowed_, 0);
    n_excluded_ = n_zeros(is_allowed_) - n_not_among_;
  }
}

void Pool::read_scores() {
  if (!choice_.scores) {
    return;
  }
  const std::span<const double> scores = *choice_.scores;
  const double weight = choice_.score_weight.value_or(1.0);
  if (weight > 0.0) {
    factors_.assign(n_rows_, 1.0);
  }
  double largest = 0.0;
  double smallest = std::numeric_limits<double>::infinity();
  for (std::size_t row = 0; row < n_rows_; ++row) {
    if (is_allowed_[row] == 0) {
      continue;
    }
    const double score = scores[row];
    if (!std::isfinite(score)) {
      refuse_entry("scores must be finite", row, score,
                   "give the row a score, or leave it out with exclude");
    }
    // Rows of probability 0 are never drawn.
    const bool is_never_drawn = request_.method == Method::random && weight > 0.0 && score == 0.0;
    if ((choice_.min_score && score < *choice_.min_score) || is_never_drawn) {
      is_allowed_[row] = 0;
      ++n_low_;
      continue;
    }
    if (weight == 0.0) {
      continue;
    }
    if (request_.method == Method::max_min && !(score > 0.0)) {
      refuse_entry("max_min multiplies distances by scores, which must be positive", row, score,
                   "shift the scores, leave rows out with min_score, or pass score_weight=0");
    }
    if (score < 0.0) {
      refuse_entry("scores must not be negative", row, score,
                   "shift the scores, leave rows out with min_score, or pass score_weight=0");
    }
    factors_[row] = weight == 1.0 ? score : std::pow(score, weight);
    if (!std::isfinite(factors_[row])) {
      refuse_entry("scores to the power of score_weight must be finite", row, score,
                   "rescale the scores or lower score_weight");
    }
    if (weight != 1.0 && score > 0.0 && factors_[row] < std::numeric_limits<double>::min()) {
      refuse_entry("scores to the power of score_weight must not underflow", row, score,
                   "rescale the scores or lower score_weight");
    }
    largest = std::max(largest, factors_[row]);
    if (score > 0.0) {
      smallest = std::min(smallest, factors_[row]);
    }
  }
  if (weight == 0.0 || smallest >= smallest_relative_factor * largest) {
    return;
  }
  for (std::size_t row = 0; row < n_rows_; ++row) {
    const bool is_small = factors_[row] < smallest_relative_factor * largest &&
                          (factors_[row] > 0.0 || scores[row] > 0.0);
    if (is_allowed_[row] != 0 && is_small) {
      refuse_entry(
          "scores to the power of score_weight must be within a factor of 1e60 of the "
          "largest",
          row, scores[row], "rescale the scores or lower score_weight");
    }
  }
}

void Pool::read_costs() {
  if (!choice_.costs) {
    return;
  }
  const std::span<const double> costs = *choice_.costs;
  double smallest = INFINITY;
  std::size_t cheapest = 0;
  for (std::size_t row = 0; row < n_rows_; ++row) {
    if (!may_be_picked(row)) {
      continue;
    }
    if (!(costs[row] > 0.0) || !std::isfinite(costs[row])) {
      refuse_entry("costs must be positive and finite", row, costs[row],
                   "give the row a cost, or leave it out with exclude");
    }
    if (is_initial_[row] == 0 && costs[row] < smallest) {
      smallest = costs[row];
      cheapest = row;
    }
  }
  double spent = 0.0;
  for (const std::int64_t row : request_.initial_subset) {
    spent += costs[static_cast<std::size_t>(row)];
  }
  if (spent > *choice_.budget) {
    throw InvalidInput("initial_subset counts towards budget = " + text_of(*choice_.budget) +
                       " but costs " + text_of(spent));
  }
  if (request_.initial_subset.empty() && smallest > *choice_.budget && std::isfinite(smallest)) {
    throw InvalidInput(
        "budget must be at least the smallest cost of a row that may be chosen: "
        "row " +
        std::to_string(cheapest) + " costs " + text_of(smallest) + ", got a budget of " +
        text_of(*choice_.budget));
  }
}

void Pool::number_groups() {
  const std::span<const std::int64_t> groups = *choice_.groups;
  const auto [least, most] = std::ranges::minmax(groups);
  const std::uint64_t range = static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(least);
  group_of_.resize(n_rows_);
  if (range < 4 * n_rows_) {
    // Numbers close together need no table of hashes.
    constexpr std::uint32_t unseen = std::numeric_limits<std::uint32_t>::max();
    std::vector<std::uint32_t> numbers(range + 1, unseen);
    for (std::size_t row = 0; row < n_rows_; ++row) {
      std::uint32_t& number =
          numbers[static_cast<std::uint64_t>(groups[row]) - static_cast<std::uint64_t>(least)];
      if (number == unseen) {
        number = static_cast<std::uint32_t>(n_groups_++);
      }
      group_of_[row] = number;
    }
  } else {
    std::unordered_map<std::int64_t, std::uint32_t> numbers;
    for (std::size_t row = 0; row < n_rows_; ++row) {
      const auto next = static_cast<std::uint32_t>(numbers.size());
      group_of_[row] = numbers.try_emplace(groups[row], next).first->second;
    }
    n_groups_ = numbers.size();
  }
  // One more for the rows elsewhere.
  n_picked_of_group_.assign(n_groups_ + 1, 0);
  for (const std::int64_t row : request_.initial_subset) {
    ++n_picked_of_group_[group_of_[static_cast<std::size_t>(row)]];
  }
}

void Pool::require_enough() const {
  const std::size_t n_initial = request_.initial_subset.size();
  if (n_allowed_ + n_initial == 0) {
    throw InvalidInput("no row may be chosen" +
                       why_rows_are_out(n_not_among_, n_excluded_, n_low_));
  }
  if (n_samples_ > n_allowed_ + n_initial) {
    throw InvalidInput("n_samples is " + std::to_string(n_samples_) + ", but only " +
                       std::to_string(n_allowed_ + n_initial) + " of the " +
                       std::to_string(n_rows_) + " rows may be chosen" +
                       why_rows_are_out(n_not_among_, n_excluded_, n_low_) +
                       "; lower n_samples or allow more rows");
  }
  if (!group_of_.empty()) {
    require_room_in_groups();
  }
}

void Pool::require_room_in_groups() const {
  std::vector<std::size_t> n_initial(n_groups_, 0);
  std::vector<std::size_t> n_free(n_groups_, 0);
  for (std::size_t row = 0; row < n_rows_; ++row) {
    n_initial[group_of_[row]] += static_cast<std::size_t>(is_initial_[row]);
    n_free[group_of_[row]] +=
        static_cast<std::size_t>(is_allowed_[row] != 0 && is_initial_[row] == 0);
  }
  const std::size_t most = choice_.max_per_group.value_or(n_rows_);
  std::size_t room = 0;
  for (std::size_t group = 0; group < n_free.size(); ++group) {
    const auto first_row = [&] {
      return static_cast<std::size_t>(std::ranges::find(group_of_, group) - group_of_.begin());
    };
    if (n_initial[group] > most) {
      throw InvalidInput("initial_subset holds " + std::to_string(n_initial[group]) +
                         " rows of the group of row " + std::to_string(first_row()) +
                         ", but max_per_group is " + std::to_string(most));
    }
    if (choice_.whole_groups && n_initial[group] > 0 && n_free[group] > 0) {
      throw InvalidInput(
          "whole_groups needs all rows of a group in initial_subset or none: it "
          "holds " +
          std::to_string(n_initial[group]) + " of the " +
          std::to_string(n_initial[group] + n_free[group]) + " rows of the group of row " +
          std::to_string(first_row()));
    }
    room += std::min(n_initial[group] + n_free[group], most);
  }
  if (n_samples_ > room && !may_fall_short()) {
    throw InvalidInput("n_samples is " + std::to_string(n_samples_) +
                       ", but max_per_group = " + std::to_string(most) + " allows only " +
                       std::to_string(room) + " rows of " + std::to_string(n_free.size()) +
                       " groups; lower n_samples or raise max_per_group");
  }
}

// An open number becomes the largest that the budget could allow.
void Pool::settle_n_samples() {
  if (n_samples_ > 0) {
    return;
  }
  n_samples_ = n_allowed_ + request_.initial_subset.size();
  if (!choice_.budget) {
    return;
  }
  std::vector<double> costs;
  costs.reserve(n_samples_);
  for (std::size_t row = 0; row < n_rows_; ++row) {
    if (may_be_picked(row)) {
      costs.push_back((*choice_.costs)[row]);
    }
  }
  std::ranges::sort(costs);
  double spent = 0.0;
  std::size_t n = 0;
  // With room for rounding: the order of the picks is another.
  while (n < costs.size() && spent <= *choice_.budget * (1.0 + 1e-9)) {
    spent += costs[n++];
  }
  n_samples_ = n;
}

// Weights that underflow would leave the choice to the row numbers.
void Pool::require_comparable(const std::vector<double>& weights, double largest) const {
  const double smallest =
      std::max(std::numeric_limits<double>::min(), smallest_relative_factor * largest);
  for (std::size_t row = 0; row < n_rows_; ++row) {
    const bool has_factor = factors_.empty() || factors_[row] > 0.0;
    if (is_allowed_[row] != 0 && has_factor && weights[row] < smallest) {
      refuse_entry(
          "scores divided by costs must be within a factor of 1e60 of the largest and must not "
          "underflow",
          row, weights[row], "rescale the costs, or leave the row out with exclude");
    }
  }
}

std::vector<double> Pool::weights(Competition competition) const {
  if (factors_.empty() && !choice_.costs) {
    return {};
  }
  // Random draws are in proportion to scores alone.
  const bool costs_weigh = choice_.costs.has_value() && competition == Competition::by_weight &&
                           request_.method != Method::random;
  std::vector<double> weights = factors_.empty() ? std::vector<double>(n_rows_, 1.0) : factors_;
  double largest = 0.0;
  for (std::size_t row = 0; row < n_rows_; ++row) {
    if (is_allowed_[row] == 0) {
      weights[row] = 0.0;
      continue;
    }
    if (costs_weigh) {
      weights[row] /= (*choice_.costs)[row];
    }
    largest = std::max(largest, weights[row]);
  }
  if (!std::isfinite(largest)) {
    throw InvalidInput("scores divided by costs must be finite; rescale the costs");
  }
  if (costs_weigh) {
    require_comparable(weights, largest);
  }
  if (largest > 0.0) {
    // In two steps, each of them a power of two within range.
    const int exponent = std::ilogb(largest);
    const double first = std::scalbn(1.0, -exponent / 2);
    const double second = std::scalbn(1.0, -exponent - -exponent / 2);
    for (double& weight : weights) {
      weight = weight * first * second;
    }
  }
  return weights;
}

bool Pool::sees_all_rows() const {
  const bool represents =
      request_.method == Method::facility_location || request_.method == Method::kmeans;
  return represents && choice_.cover.value_or(Cover::all) == Cover::all;
}

void Pool::split() {
  const PerClass per_class = request_.stratified ? PerClass::proportional : request_.per_class;
  std::vector<std::int64_t> seen;
  seen.reserve(n_allowed_ + request_.initial_subset.size());
  for (std::size_t row = 0; row < n_rows_; ++row) {
    if (may_be_picked(row)) {
      seen.push_back(static_cast<std::int64_t>(row));
    }
  }
  if (per_class == PerClass::none) {
    parts_.push_back({0, std::move(seen), n_samples_});
    if (sees_all_rows() && parts_[0].rows.size() < n_rows_) {
      parts_[0].rows.resize(n_rows_);
      std::iota(parts_[0].rows.begin(), parts_[0].rows.end(), std::int64_t{0});
    }
  } else {
    std::vector<std::int64_t> labels;
    labels.reserve(seen.size());
    for (const std::int64_t row : seen) {
      labels.push_back(request_.labels[static_cast<std::size_t>(row)]);
    }
    parts_ = class_budgets(labels, n_samples_, per_class);
    for (ClassBudget& part : parts_) {
      for (std::int64_t& row : part.rows) {
        row = seen[static_cast<std::size_t>(row)];
      }
      if (sees_all_rows()) {
        part.rows.clear();
        for (std::size_t row = 0; row < n_rows_; ++row) {
          if (request_.labels[row] == part.label) {
            part.rows.push_back(static_cast<std::int64_t>(row));
          }
        }
      }
    }
  }
  for (ClassBudget& part : parts_) {
    for (std::size_t i = 0; i < n_existing_; ++i) {
      part.rows.push_back(static_cast<std::int64_t>(n_rows_ + i));
    }
  }
}

AnyMatrix Pool::stacked(const AnyMatrix& embeddings) const {
  if (n_existing_ == 0) {
    return embeddings;
  }
  return stack(std::vector<AnyMatrix>{embeddings, *choice_.existing});
}

std::vector<std::size_t> Pool::initial(const ClassBudget& part) const {
  std::vector<std::size_t> positions(n_existing_);
  std::iota(positions.begin(), positions.end(), part.rows.size() - n_existing_);
  for (const std::size_t position : initial_in_class(part, request_.initial_subset)) {
    positions.push_back(position);
  }
  return positions;
}

template <class Values, class Value>
auto Pool::gathered(const ClassBudget& part, const Values& values, Value elsewhere) const {
  std::vector<Value> mine;
  if (is_whole(part)) {
    mine.assign(values.begin(), values.end());
    return mine;
  }
  mine.reserve(part.rows.size());
  for (const std::int64_t row : part.rows) {
    const auto at = static_cast<std::size_t>(row);
    mine.push_back(at < n_rows_ ? values[at] : elsewhere);
  }
  return mine;
}

Terms Pool::terms(const ClassBudget& part, std::optional<std::size_t> most_per_group,
                  Competition competition) {
  Terms terms;
  terms.n_elsewhere = n_existing_;
  terms.n_not_represented = n_existing_;
  if (!factors_.empty()) {
    terms.factors = gathered(part, factors_, 1.0);
  }
  if (!weights_.empty()) {
    terms.weights = competition == Competition::by_weight
                        ? gathered(part, weights_, 1.0)
                        : gathered(part, weights(competition), 1.0);
  }
  if (choice_.min_distance) {
    terms.min_distance = *choice_.min_distance;
  }
  if (!most_per_group && !choice_.whole_groups && !choice_.budget && !sees_all_rows()) {
    return terms;
  }
  terms.limits.emplace(part.rows.size());
  for (std::size_t i = 0; i < part.rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(part.rows[i]);
    if (row >= n_rows_ || !may_be_picked(row)) {
      terms.limits->close(i);
    }
  }
  if (most_per_group || choice_.whole_groups) {
    std::vector<std::uint32_t> groups =
        gathered(part, group_of_, static_cast<std::uint32_t>(n_groups_));
    if (choice_.whole_groups) {
      terms.limits->keep_groups_whole(std::move(groups), n_groups_ + 1, n_samples_);
    } else {
      terms.limits->limit_groups(std::move(groups), n_picked_of_group_, *most_per_group);
    }
  }
  if (choice_.costs) {
    terms.limits->limit_costs(gathered(part, *choice_.costs, 0.0), *choice_.budget);
  }
  return terms;
}

void Pool::begin(const ClassBudget& part) {
  if (group_of_.empty()) {
    return;
  }
  for (const std::size_t position : initial_in_class(part, request_.initial_subset)) {
    --n_picked_of_group_[group_of_[static_cast<std::size_t>(part.rows[position])]];
  }
}

void Pool::forget_picks() { std::ranges::fill(n_picked_of_group_, 0); }

bool Pool::may_fall_short() const {
  return choice_.budget || choice_.min_distance || choice_.whole_groups ||
         (request_.method == Method::top_k && !request_.top_k.refill);
}

}  // namespace thinset
