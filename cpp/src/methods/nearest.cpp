#include "thinset/nearest.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "methods/screened_pairs.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
// Rows that give a query its first limit.
constexpr std::size_t n_seeds = 64;

struct Neighbour {
  double rank = infinity;
  std::int64_t row = std::numeric_limits<std::int64_t>::max();

  friend bool operator<(const Neighbour& a, const Neighbour& b) {
    return a.rank < b.rank || (a.rank == b.rank && a.row < b.row);
  }
};

// The k nearest of each query so far, as a heap with the furthest on top.
template <class T>
class NearestSearch {
 public:
  NearestSearch(const Rows<T>& queries, const Rows<T>& reference, std::size_t k,
                std::span<const std::int64_t> skipped, Job& job)
      : pairs_(queries, reference, job),
        k_(k),
        skipped_(skipped),
        best_(queries.size() * k),
        first_limits_(queries.size(), infinity) {}

  NearestRows run() {
    pairs_.run([&](std::size_t query, const Point& point) { limit_by_seeds(query, point); },
               [&](std::size_t query) { return rank_limit(query); },
               [&](std::size_t query, std::size_t row, double rank, unsigned) {
                 offer(query, {rank, static_cast<std::int64_t>(row)});
               },
               [](std::size_t, std::size_t) {});
    NearestRows found;
    found.indices.reserve(best_.size());
    found.distances.reserve(best_.size());
    for (std::size_t query = 0; query < first_limits_.size(); ++query) {
      std::sort(of(query), of(query) + static_cast<std::ptrdiff_t>(k_));
      for (auto best = of(query); best != of(query) + static_cast<std::ptrdiff_t>(k_); ++best) {
        found.indices.push_back(best->row);
        found.distances.push_back(std::sqrt(best->rank));
      }
    }
    return found;
  }

 private:
  using Best = std::vector<Neighbour>::iterator;

  Best of(std::size_t query) { return best_.begin() + static_cast<std::ptrdiff_t>(query * k_); }
  [[nodiscard]] double rank_limit(std::size_t query) const {
    return std::min(best_[query * k_].rank, first_limits_[query]);
  }
  [[nodiscard]] bool is_skipped(std::size_t query, std::size_t row) const {
    return !skipped_.empty() && skipped_[query] == static_cast<std::int64_t>(row);
  }

  // Whatever the order of the reference, few rows are nearer than the nearest of some that are
  // spread over it. The k nearest are not above the k-th of these.
  void limit_by_seeds(std::size_t query, const Point& point) {
    const std::size_t n = pairs_.meter().rows().size();
    if (n < 2 * n_seeds || k_ > n_seeds / 2) {
      return;
    }
    std::vector<double> ranks;
    for (std::size_t seed = 0; seed < n_seeds; ++seed) {
      const std::size_t row = n / n_seeds * seed;
      if (!is_skipped(query, row)) {
        ranks.push_back(pairs_.meter().rank(row, point));
      }
    }
    std::ranges::nth_element(ranks, ranks.begin() + static_cast<std::ptrdiff_t>(k_ - 1));
    first_limits_[query] = std::nextafter(ranks[k_ - 1], infinity);
  }

  void offer(std::size_t query, const Neighbour& neighbour) {
    if (!(neighbour < *of(query)) || is_skipped(query, static_cast<std::size_t>(neighbour.row))) {
      return;
    }
    const Best end = of(query) + static_cast<std::ptrdiff_t>(k_);
    std::pop_heap(of(query), end);
    *(end - 1) = neighbour;
    std::push_heap(of(query), end);
  }

  ScreenedPairs<T> pairs_;
  std::size_t k_;
  std::span<const std::int64_t> skipped_;
  std::vector<Neighbour> best_;
  std::vector<double> first_limits_;
};

void check_request(const AnyMatrix& queries, const AnyMatrix& reference, std::size_t k,
                   std::span<const std::int64_t> skipped) {
  if (!skipped.empty() && skipped.size() != queries.n_rows) {
    throw InvalidInput("skipped must have one entry per query, got " +
                       std::to_string(skipped.size()) + " for " + std::to_string(queries.n_rows) +
                       " queries");
  }
  bool skips = false;
  for (const std::int64_t row : skipped) {
    if (row < -1 || row >= static_cast<std::int64_t>(reference.n_rows)) {
      throw InvalidInput("skipped must hold rows of the reference, in [0, " +
                         std::to_string(reference.n_rows) + "), or -1; got " + std::to_string(row));
    }
    skips = skips || row >= 0;
  }
  const std::size_t n_candidates = reference.n_rows - (skips ? 1 : 0);
  if (k < 1 || k > n_candidates) {
    throw InvalidInput("k must be in [1, " + std::to_string(n_candidates) +
                       "], the rows of the reference" + (skips ? " but the query itself" : "") +
                       "; got " + std::to_string(k));
  }
}

}  // namespace

NearestRows nearest_rows(const AnyMatrix& queries, const AnyMatrix& reference, std::size_t k,
                         std::span<const std::int64_t> skipped, Job& job) {
  check_pairs(queries, "queries", reference, "reference", job);
  check_request(queries, reference, k, skipped);
  return visit_pairs(queries, reference, [&]<class T>(const Rows<T>& from, const Rows<T>& to) {
    return NearestSearch<T>(from, to, k, skipped, job).run();
  });
}

}  // namespace thinset
