#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "methods/random_picks.hpp"
#include "methods/seed_weights.hpp"
#include "rows/column_summary.hpp"
#include "rows/exact_sum.hpp"
#include "rows/magnitudes.hpp"
#include "thinset/error.hpp"
#include "thinset/kmeans_parts.hpp"

namespace thinset {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
// Distances that differ by no more than rounding are ties, which go to the lower row: the two rows
// of a pair are always equally far from their mean.
constexpr double tie_tolerance = 1e-12;

// Weights add up to less than 2^63 (seed_weights.hpp).
constexpr std::uint64_t most_weight = std::numeric_limits<std::int64_t>::max();

constexpr std::array<std::string_view, 12> step_names{
    "describe", "read", "lower", "weigh",  "draw",    "sizes",
    "furthest", "move", "sums",  "assign", "nearest", "first_within"};

}  // namespace

std::string_view to_string(KMeansStep step) { return step_names[static_cast<std::size_t>(step)]; }

KMeansStep kmeans_step_from_name(std::string_view name) {
  const auto* const found = std::ranges::find(step_names, name);
  if (found == step_names.end()) {
    throw InvalidInput("no step of kmeans is called '" + std::string(name) + "'");
  }
  return static_cast<KMeansStep>(found - step_names.begin());
}

struct KMeansCoordinator::State {
  State(std::size_t rows, std::size_t clusters, const KMeansOptions& settings, Random& numbers)
      : n_rows(rows), k(clusters), options(settings), random(numbers), scale(rows) {}

  void take(std::vector<KMeansAnswer>& answers);
  void begin(const std::vector<KMeansAnswer>& answers);
  void lower_to(const std::vector<KMeansAnswer>& answers);
  void assign_to_rows(const std::vector<KMeansAnswer>& answers);
  void seed_next();
  void take_sizes(const std::vector<KMeansAnswer>& answers, std::size_t first);
  void fill_empty_clusters();
  void move_furthest(const std::vector<KMeansAnswer>& answers);
  void go_on();
  void move_centres(std::vector<KMeansAnswer>& answers);
  void set_limits(const std::vector<KMeansAnswer>& answers);
  void represent(const std::vector<KMeansAnswer>& answers);

  void send(KMeansStep step, std::vector<std::int64_t> integers = {},
            std::vector<double> values = {}) {
    message = {step, std::move(integers), std::move(values)};
  }
  void check_shape(const std::vector<KMeansAnswer>& answers, std::size_t n_integers,
                   std::size_t n_values) const;
  [[noreturn]] void refuse(std::size_t part) const {
    throw InvalidInput("part " + std::to_string(part) + " gave no fitting answer to '" +
                       std::string(to_string(sent)) + "'");
  }
  // For answers that one part gives and the others leave empty.
  [[nodiscard]] const KMeansAnswer& only(const std::vector<KMeansAnswer>& answers) const;

  std::size_t n_rows;
  std::size_t k;
  KMeansOptions options;
  Random& random;
  KMeansMessage message;
  KMeansStep sent = KMeansStep::describe;  // the step that answers are expected to
  bool is_done = false;
  std::uint64_t n_done = 0;

  std::vector<std::int64_t> first_rows;  // of the parts
  std::size_t n_columns = 0;
  std::vector<double> magnitudes;  // the largest of every column

  SeedScale scale;
  std::vector<std::int64_t> seeds;
  std::vector<std::int64_t> totals;  // of the weights in each part
  bool draws = true;                 // false once all weights are 0
  std::vector<std::int64_t> sorted_seeds;
  std::int64_t next_free_row = 0;

  bool is_seeded = false;
  std::vector<std::int64_t> sizes;
  std::size_t next_cluster = 0;  // no cluster before it is empty
  bool has_moved = false;
  std::size_t n_iterations = 0;

  std::vector<std::int64_t> nearest;
  std::vector<std::size_t> order;
};

void KMeansCoordinator::State::check_shape(const std::vector<KMeansAnswer>& answers,
                                           std::size_t n_integers, std::size_t n_values) const {
  for (std::size_t p = 0; p < answers.size(); ++p) {
    if (answers[p].integers.size() != n_integers || answers[p].values.size() != n_values) {
      refuse(p);
    }
  }
}

const KMeansAnswer& KMeansCoordinator::State::only(const std::vector<KMeansAnswer>& answers) const {
  const KMeansAnswer* found = nullptr;
  for (const KMeansAnswer& answer : answers) {
    if (!answer.integers.empty()) {
      if (found != nullptr || answer.integers.size() != 1 || answer.values.size() != n_columns) {
        throw InvalidInput("more than one part answered '" + std::string(to_string(sent)) +
                           "', or with more than one row");
      }
      found = &answer;
    }
  }
  if (found == nullptr) {
    throw InvalidInput("no part answered '" + std::string(to_string(sent)) + "'");
  }
  return *found;
}

void KMeansCoordinator::State::take(std::vector<KMeansAnswer>& answers) {
  if (is_done) {
    throw InvalidInput("all rows are chosen; no more answers are needed");
  }
  if (sent != KMeansStep::describe && answers.size() != first_rows.size()) {
    throw InvalidInput("all " + std::to_string(first_rows.size()) + " parts must answer; got " +
                       std::to_string(answers.size()) + " answers");
  }
  switch (sent) {
    case KMeansStep::describe:
      begin(answers);
      break;
    case KMeansStep::read:
      if (options.seeding == Seeding::plus_plus) {
        lower_to(answers);
      } else {
        assign_to_rows(answers);
      }
      break;
    case KMeansStep::draw:
      lower_to(answers);
      break;
    case KMeansStep::lower: {
      check_shape(answers, 1, 1);
      n_done += 1;
      double largest = 0.0;
      totals.clear();
      for (const KMeansAnswer& answer : answers) {
        totals.push_back(answer.integers[0]);
        largest = std::max(largest, answer.values[0]);
      }
      if (seeds.size() == k) {
        send(KMeansStep::sizes, {static_cast<std::int64_t>(k)});
      } else if (scale.follow(largest)) {
        send(KMeansStep::weigh, {}, {scale.scale()});
      } else {
        seed_next();
      }
      break;
    }
    case KMeansStep::weigh:
      check_shape(answers, 1, 0);
      std::ranges::transform(answers, totals.begin(),
                             [](const KMeansAnswer& answer) { return answer.integers[0]; });
      seed_next();
      break;
    case KMeansStep::sizes:
      check_shape(answers, k, 0);
      take_sizes(answers, 0);
      break;
    case KMeansStep::assign:
      check_shape(answers, k + 1, 0);
      has_moved =
          std::ranges::any_of(answers, [](const KMeansAnswer& a) { return a.integers[0] != 0; });
      take_sizes(answers, 1);
      break;
    case KMeansStep::furthest:
      move_furthest(answers);
      break;
    case KMeansStep::move:
      fill_empty_clusters();
      break;
    case KMeansStep::sums:
      check_shape(answers, 0, 2 * k * n_columns);
      move_centres(answers);
      break;
    case KMeansStep::nearest:
      check_shape(answers, 0, k);
      set_limits(answers);
      break;
    case KMeansStep::first_within:
      check_shape(answers, k, 0);
      represent(answers);
      break;
  }
  sent = message.step;
}

void KMeansCoordinator::State::begin(const std::vector<KMeansAnswer>& answers) {
  ColumnSummary summary;
  std::int64_t next_row = 0;
  for (std::size_t p = 0; p < answers.size(); ++p) {
    const KMeansAnswer& answer = answers[p];
    const std::size_t d = answer.values.size() / 2;
    if (answer.integers.size() != 2 || d == 0 || answer.values.size() % 2 != 0) {
      refuse(p);
    }
    if (p == 0) {
      n_columns = d;
      summary.min.assign(d, infinity);
      summary.max.assign(d, -infinity);
    }
    if (d != n_columns) {
      throw InvalidInput("parts must have the same columns: part 0 has " +
                         std::to_string(n_columns) + ", part " + std::to_string(p) + " has " +
                         std::to_string(d));
    }
    if (answer.integers[0] != next_row || answer.integers[1] < 0) {
      throw InvalidInput("parts must follow one another: part " + std::to_string(p) +
                         " must have first_row " + std::to_string(next_row) + ", got " +
                         std::to_string(answer.integers[0]));
    }
    next_row += answer.integers[1];
    first_rows.push_back(answer.integers[0]);
    for (std::size_t j = 0; j < d; ++j) {
      summary.min[j] = std::min(summary.min[j], answer.values[j]);
      summary.max[j] = std::max(summary.max[j], answer.values[d + j]);
    }
  }
  if (static_cast<std::uint64_t>(next_row) != n_rows) {
    throw InvalidInput("parts must have all " + std::to_string(n_rows) + " rows, got " +
                       std::to_string(next_row));
  }
  check_largest_value(summary);
  check_span(summary);
  for (std::size_t j = 0; j < n_columns; ++j) {
    magnitudes.push_back(std::max(std::fabs(summary.min[j]), std::fabs(summary.max[j])));
  }
  if (options.seeding == Seeding::plus_plus) {
    send(KMeansStep::read, {static_cast<std::int64_t>(random.below(n_rows))});
  } else {
    const Picks picks = random_picks(n_rows, k, {}, random);
    seeds.assign(picks.rows.begin(), picks.rows.end());
    send(KMeansStep::read, seeds);
  }
}

// k-means++ (Arthur and Vassilvitskii 2007): each seed is drawn with probability proportional to
// its squared distance to the seeds before it.
void KMeansCoordinator::State::lower_to(const std::vector<KMeansAnswer>& answers) {
  const KMeansAnswer& seed = only(answers);
  std::vector<double> values{scale.scale()};
  values.insert(values.end(), seed.values.begin(), seed.values.end());
  send(KMeansStep::lower, {static_cast<std::int64_t>(seeds.size())}, std::move(values));
  seeds.push_back(seed.integers[0]);
}

void KMeansCoordinator::State::seed_next() {
  std::uint64_t total = 0;
  for (std::size_t p = 0; p < totals.size(); ++p) {
    total += static_cast<std::uint64_t>(totals[p]);
    if (totals[p] < 0 || total > most_weight) {
      refuse(p);
    }
  }
  if (total > 0 && draws) {
    auto target = static_cast<std::int64_t>(random.below(total));
    std::size_t part = 0;
    while (target >= totals[part]) {
      target -= totals[part++];
    }
    send(KMeansStep::draw, {first_rows[part], target});
    return;
  }
  // Every row equals a seed; distances only fall, so that this remains so.
  if (draws) {
    draws = false;
    sorted_seeds = seeds;
    std::ranges::sort(sorted_seeds);
  }
  while (std::ranges::binary_search(sorted_seeds, next_free_row)) {
    ++next_free_row;
  }
  send(KMeansStep::read, {next_free_row++});
}

void KMeansCoordinator::State::assign_to_rows(const std::vector<KMeansAnswer>& answers) {
  std::vector<double> centres(k * n_columns);
  std::vector<std::size_t> place(k);  // of the seeds, by ascending row
  std::iota(place.begin(), place.end(), std::size_t{0});
  std::ranges::sort(place, {}, [&](std::size_t c) { return seeds[c]; });
  std::size_t n_read = 0;
  for (std::size_t p = 0; p < answers.size(); ++p) {
    const auto& [rows, values] = answers[p];
    if (values.size() != rows.size() * n_columns) {
      refuse(p);
    }
    for (std::size_t i = 0; i < rows.size(); ++i, ++n_read) {
      const auto at =
          std::ranges::lower_bound(place, rows[i], {}, [&](std::size_t c) { return seeds[c]; });
      if (at == place.end() || seeds[*at] != rows[i]) {
        refuse(p);
      }
      std::copy_n(values.data() + i * n_columns, n_columns, centres.data() + *at * n_columns);
    }
  }
  if (n_read != k) {
    throw InvalidInput("no part has some of the rows that were asked for");
  }
  n_done += k;
  send(KMeansStep::assign, {}, std::move(centres));
}

void KMeansCoordinator::State::take_sizes(const std::vector<KMeansAnswer>& answers,
                                          std::size_t first) {
  sizes.assign(k, 0);
  std::uint64_t n_clustered = 0;
  for (std::size_t p = 0; p < answers.size(); ++p) {
    for (std::size_t c = 0; c < k; ++c) {
      const std::int64_t size = answers[p].integers[first + c];
      if (size < 0 || static_cast<std::uint64_t>(size) > n_rows - n_clustered) {
        refuse(p);
      }
      sizes[c] += size;
      n_clustered += static_cast<std::uint64_t>(size);
    }
  }
  if (n_clustered != n_rows) {
    throw InvalidInput("clusters must have all " + std::to_string(n_rows) + " rows, got " +
                       std::to_string(n_clustered));
  }
  next_cluster = 0;
  fill_empty_clusters();
}

// An empty cluster takes the row furthest from its own centre (ties: lower row).
void KMeansCoordinator::State::fill_empty_clusters() {
  while (next_cluster < k && sizes[next_cluster] != 0) {
    ++next_cluster;
  }
  if (next_cluster == k) {
    go_on();
  } else {
    send(KMeansStep::furthest, sizes);
  }
}

void KMeansCoordinator::State::move_furthest(const std::vector<KMeansAnswer>& answers) {
  const KMeansAnswer* furthest = nullptr;
  for (std::size_t p = 0; p < answers.size(); ++p) {
    const KMeansAnswer& answer = answers[p];
    if (answer.integers.empty()) {
      continue;
    }
    if (answer.integers.size() != 2 || answer.values.size() != 1 || answer.integers[1] < 0 ||
        static_cast<std::uint64_t>(answer.integers[1]) >= k) {
      refuse(p);
    }
    // Parts come in the order of their rows.
    if (furthest == nullptr || answer.values[0] > furthest->values[0]) {
      furthest = &answer;
    }
  }
  if (furthest == nullptr) {
    throw InvalidInput("no part answered 'furthest'");
  }
  --sizes[static_cast<std::size_t>(furthest->integers[1])];
  sizes[next_cluster] = 1;
  has_moved = true;
  send(KMeansStep::move, {furthest->integers[0], static_cast<std::int64_t>(next_cluster)});
}

void KMeansCoordinator::State::go_on() {
  n_done += 1;
  if (is_seeded) {
    ++n_iterations;
  }
  const bool is_settled = is_seeded && !has_moved;
  is_seeded = true;
  if (n_iterations < options.n_iterations && !is_settled) {
    send(KMeansStep::sums, {static_cast<std::int64_t>(n_rows), static_cast<std::int64_t>(k)},
         magnitudes);
  } else {
    send(KMeansStep::nearest, {static_cast<std::int64_t>(k)});
  }
}

// To the mean of their rows.
void KMeansCoordinator::State::move_centres(std::vector<KMeansAnswer>& answers) {
  std::vector<double>& sums = answers[0].values;
  for (std::size_t p = 1; p < answers.size(); ++p) {
    std::ranges::transform(sums, answers[p].values, sums.begin(), std::plus<>());
  }
  for (std::size_t c = 0; c < k; ++c) {
    const double* high = sums.data() + 2 * c * n_columns;
    const auto size = static_cast<double>(sizes[c]);
    for (std::size_t j = 0; j < n_columns; ++j) {
      sums[c * n_columns + j] = (high[j] + high[n_columns + j]) / size;
    }
  }
  sums.resize(k * n_columns);
  sums.shrink_to_fit();
  send(KMeansStep::assign, {}, std::move(sums));
}

void KMeansCoordinator::State::set_limits(const std::vector<KMeansAnswer>& answers) {
  std::vector<double> limits(k, infinity);
  for (const KMeansAnswer& answer : answers) {
    for (std::size_t c = 0; c < k; ++c) {
      limits[c] = std::min(limits[c], answer.values[c]);
    }
  }
  for (double& limit : limits) {
    limit *= 1.0 + tie_tolerance;
  }
  send(KMeansStep::first_within, {}, std::move(limits));
}

void KMeansCoordinator::State::represent(const std::vector<KMeansAnswer>& answers) {
  nearest.assign(k, -1);
  for (const KMeansAnswer& answer : answers) {
    for (std::size_t c = 0; c < k; ++c) {
      // Parts come in the order of their rows.
      if (nearest[c] < 0) {
        nearest[c] = answer.integers[c];
      }
    }
  }
  if (std::ranges::any_of(nearest, [](std::int64_t row) { return row < 0; })) {
    throw InvalidInput("no part answered 'first_within' for some clusters");
  }
  order.resize(k);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return sizes[a] != sizes[b] ? sizes[a] > sizes[b] : nearest[a] < nearest[b];
  });
  is_done = true;
}

KMeansCoordinator::KMeansCoordinator(std::size_t n_rows, std::size_t k,
                                     const KMeansOptions& options, Random& random) {
  if (k < 1 || k > n_rows) {
    throw InvalidInput("n_samples must be in [1, " + std::to_string(n_rows) +
                       "], the number of rows; got " + std::to_string(k));
  }
  state_ = std::make_unique<State>(n_rows, k, options, random);
}

KMeansCoordinator::~KMeansCoordinator() = default;

bool KMeansCoordinator::is_done() const { return state_->is_done; }

const KMeansMessage& KMeansCoordinator::message() const { return state_->message; }

KMeansMessage KMeansCoordinator::take_message() { return std::move(state_->message); }

void KMeansCoordinator::take(std::vector<KMeansAnswer> answers) { state_->take(answers); }

std::uint64_t KMeansCoordinator::n_done() const { return state_->n_done; }

std::vector<std::int64_t> KMeansCoordinator::indices() const {
  std::vector<std::int64_t> rows;
  for (const std::size_t c : state_->order) {
    rows.push_back(state_->nearest[c]);
  }
  return rows;
}

std::vector<double> KMeansCoordinator::gains() const {
  std::vector<double> gains;
  for (const std::size_t c : state_->order) {
    gains.push_back(static_cast<double>(state_->sizes[c]));
  }
  return gains;
}

const std::vector<std::size_t>& KMeansCoordinator::clusters() const { return state_->order; }

}  // namespace thinset
