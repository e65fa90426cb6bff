#include "methods/kmeans.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "bounds/half_rows.hpp"
#include "bounds/rough_blocks.hpp"
#include "methods/answering_rows.hpp"
#include "methods/nearby_centres.hpp"
#include "methods/nearest_centre.hpp"
#include "methods/random_picks.hpp"
#include "rows/elements.hpp"
#include "rows/exact_sum.hpp"
#include "thinset/error.hpp"
#include "thinset/kmeans_parts.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
constexpr double tie_tolerance = 1e-12;
constexpr double infinity = std::numeric_limits<double>::infinity();

// Chooses the representatives of clusters on terms.
template <class T>
class OnTerms {
 public:
  OnTerms(const ClusteredRows<T>& rows, std::size_t n_clusters, Terms& terms, Job& job)
      : rows_(rows),
        n_rows_(rows.rows().size()),
        terms_(terms),
        job_(job),
        members_(rows.members(n_clusters)),
        spread_(mean_squared_distance()) {}

  // One open row of every cluster in `order`; those of clusters without one come last.
  Picks picks(const std::vector<std::size_t>& order) {
    std::vector<std::size_t> waiting;
    for (const std::size_t c : order) {
      if (!take(c, best_member(c))) {
        waiting.push_back(c);
      }
    }
    for (const std::size_t c : waiting) {
      take(c, best_row(c));
    }
    return std::move(picks_);
  }

 private:
  bool take(std::size_t c, std::size_t row) {
    if (row == n_rows_) {
      return false;
    }
    picks_.rows.push_back(row);
    picks_.gains.push_back(static_cast<double>(members_.first[c + 1] - members_.first[c]));
    terms_.pick(row, [](std::size_t) {});
    return true;
  }

  // Over all rows, to their own centres; 1 if it is 0.
  [[nodiscard]] double mean_squared_distance() const {
    const std::vector<double>& distances = rows_.squared_distances();
    const auto split = SumSplit::of(std::ranges::max(distances), n_rows_);
    double high = 0.0;
    double low = 0.0;
    for (const double distance : distances) {
      const double high_part = (distance + split.high) - split.high;
      high += high_part;
      low += ((distance - high_part) + split.low) - split.low;
    }
    const double mean = (high + low) / static_cast<double>(n_rows_);
    return mean > 0.0 ? mean : 1.0;
  }

  // What an open row competes by.
  [[nodiscard]] double value_of(std::size_t row, double squared_distance) const {
    return terms_.weights.empty() ? -squared_distance
                                  : terms_.weights[row] / (squared_distance + spread_);
  }
  // The best of n rows, row_at(i) in ascending order, of which value_at(i) tells how good each is;
  // the number of rows if none is open. Ties within rounding go to the lower row.
  template <class RowAt, class ValueAt>
  std::size_t best_of(std::size_t n, const RowAt& row_at, const ValueAt& value_at) const {
    double best = -infinity;
    for (std::size_t i = 0; i < n; ++i) {
      if (terms_.is_open(row_at(i))) {
        best = std::max(best, value_at(i));
      }
    }
    const double enough = best * (best < 0.0 ? 1.0 + tie_tolerance : 1.0 - tie_tolerance);
    for (std::size_t i = 0; i < n; ++i) {
      if (terms_.is_open(row_at(i)) && value_at(i) >= enough) {
        return row_at(i);
      }
    }
    return n_rows_;
  }
  [[nodiscard]] std::size_t best_member(std::size_t c) const {
    const std::size_t first = members_.first[c];
    const auto row_at = [&](std::size_t i) { return members_.rows[first + i]; };
    return best_of(members_.first[c + 1] - first, row_at, [&](std::size_t i) {
      return value_of(row_at(i), rows_.squared_distances()[row_at(i)]);
    });
  }
  std::size_t best_row(std::size_t c) {
    std::vector<double> values(n_rows_, -infinity);
    job_.parallel_for(n_rows_, rows_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t i = begin; i < end; ++i) {
        if (terms_.is_open(i)) {
          values[i] = value_of(i, rows_.squared_distance(i, c));
        }
      }
    });
    return best_of(
        n_rows_, [](std::size_t i) { return i; }, [&](std::size_t i) { return values[i]; });
  }

  const ClusteredRows<T>& rows_;
  std::size_t n_rows_;
  Terms& terms_;
  Job& job_;
  typename ClusteredRows<T>::Members members_;
  double spread_;
  Picks picks_;
};

}  // namespace

Seeding seeding_from_name(std::string_view name) {
  if (name == "kmeans++") return Seeding::plus_plus;
  if (name == "random") return Seeding::random;
  throw InvalidInput("seeding must be one of kmeans++, random; got '" + std::string(name) + "'");
}

template <class T>
Picks kmeans(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k,
             const KMeansOptions& options, Terms& terms, Random& random, Job& job) {
  AnsweringRows<T> all(rows, 0, summary.min, summary.max, job);
  KMeansCoordinator coordinator(rows.size(), k, options, random);
  for (std::uint64_t n_done = 0; !coordinator.is_done(); n_done = coordinator.n_done()) {
    std::vector<KMeansAnswer> answers;
    answers.push_back(all.answer(coordinator.take_message(), job));
    coordinator.take(std::move(answers));
    if (coordinator.n_done() > n_done) {
      job.advance(coordinator.n_done() - n_done);
    }
  }
  if (terms.limits || !terms.weights.empty()) {
    return OnTerms<T>(all.clustered(), k, terms, job).picks(coordinator.clusters());
  }
  const std::vector<std::int64_t> indices = coordinator.indices();
  return {{indices.begin(), indices.end()}, coordinator.gains()};
}

MemoryNeed kmeans_memory(const SelectionSize& size, const KMeansOptions& options) {
  const std::uint64_t n = size.n_rows;
  const std::uint64_t k = size.n_samples;
  const bool draws = options.seeding == Seeding::plus_plus;
  // Clusters and distances.
  const std::uint64_t always =
      n * (sizeof(std::size_t) + sizeof(double)) + n / rows_per_block * sizeof(double) +
      (draws ? RoughBlocks<float>::memory(size) + HalfRows<float>::memory(size) : 0);
  const std::uint64_t centres = k * size.n_columns * sizeof(double);
  const std::uint64_t drawing = draws ? centres : random_picks_memory(n, k, true) + 2 * centres;
  const std::uint64_t members = n * sizeof(std::size_t) + 5 * k * sizeof(std::size_t);
  const bool assigns = options.n_iterations > 0 || !draws;
  const bool is_narrow = NearbyCentres<float>::is_for(size);
  const std::uint64_t searching =
      !assigns ? 0 : (is_narrow ? nearby_centres_memory(size) : nearest_centre_memory(size));
  const std::uint64_t fitting = assigns && !is_narrow ? projection_memory(size) + centres : 0;
  // Sums have two parts. They are kept, with the clusters that they are of, and become centres in a
  // copy of their own, beside the last centres.
  const std::uint64_t moving =
      members + searching + (options.n_iterations > 0 ? 5 * centres + n * sizeof(std::size_t) : 0);
  return {always + std::max({drawing, fitting, moving}),
          always + std::max(drawing, fitting + moving)};
}

#define THINSET_INSTANTIATE(T)                                                                   \
  template Picks kmeans(const Rows<T>&, const ColumnSummary&, std::size_t, const KMeansOptions&, \
                        Terms&, Random&, Job&);
THINSET_FOR_EACH_ELEMENT(THINSET_INSTANTIATE)
#undef THINSET_INSTANTIATE

}  // namespace thinset
