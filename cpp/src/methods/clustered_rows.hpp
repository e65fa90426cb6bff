// The rows of one part of a k-means clustering.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "bounds/rough_blocks.hpp"
#include "bounds/rough_distance.hpp"
#include "methods/found_centre.hpp"
#include "methods/nearby_centres.hpp"
#include "methods/nearest_centre.hpp"
#include "rows/exact_sum.hpp"
#include "rows/rows.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Every row has a cluster and a squared distance to its centre. There may be no rows. Distances
// below are squared.
template <class T>
class ClusteredRows {
 public:
  ClusteredRows(const Rows<T>& rows, Job& job);
  ClusteredRows(const ClusteredRows&) = delete;
  ClusteredRows& operator=(const ClusteredRows&) = delete;

  [[nodiscard]] const Rows<T>& rows() const { return meter_.rows(); }
  // At least as many as there are clusters with rows.
  [[nodiscard]] std::size_t n_centres() const { return n_centres_; }

  // Moves rows that are nearer to a new centre into its cluster. Returns the total of the weights
  // (seed_weights.hpp) and the largest distance. Centre 0 starts the clustering.
  struct Weights {
    std::int64_t total = 0;
    double largest = 0.0;
  };
  Weights lower(std::size_t centre, std::span<const double> point, double scale, Job& job);
  // The total with another scale.
  std::int64_t weigh(double scale, Job& job);
  [[nodiscard]] std::int64_t total_weight() const {
    return std::accumulate(block_totals_.begin(), block_totals_.end(), std::int64_t{0});
  }
  // The row at which the running sum of the weights passes `target`, which is less than the total.
  [[nodiscard]] std::size_t draw(std::int64_t target) const;

  // Assigns every row to its nearest centre (ties: lower centre). Returns whether any row changed
  // its cluster.
  bool assign(std::vector<double> centres, Job& job);
  [[nodiscard]] std::vector<std::int64_t> sizes(std::size_t n_centres) const;

  // The row furthest from its centre (ties: lower row) among those of clusters with more than one
  // row, sizes[c] being that of cluster c; n rows if there is none.
  [[nodiscard]] std::size_t furthest(std::span<const std::int64_t> sizes, Job& job) const;
  // Makes a row the only one of an empty cluster, at distance 0.
  void move(std::size_t row, std::size_t cluster);

  // For every cluster, the sums of the high parts of its rows in all columns, then of the low
  // parts; splits[j] for column j.
  std::vector<double> sums(std::size_t n_centres, const std::vector<SumSplit>& splits, Job& job);

  // By cluster: the smallest distance, or infinity; and the first row that is not further than
  // limits[c], or n rows.
  [[nodiscard]] std::vector<double> smallest_distances(std::size_t n_centres) const;
  [[nodiscard]] std::vector<std::size_t> first_within(std::span<const double> limits) const;

  // The rows of every cluster, ascending: those of cluster c from first[c] to first[c + 1].
  struct Members {
    std::vector<std::size_t> rows;
    std::vector<std::size_t> first;
  };
  [[nodiscard]] Members members(std::size_t n_centres) const;
  [[nodiscard]] const std::vector<double>& squared_distances() const { return squared_distance_; }
  [[nodiscard]] std::size_t cluster(std::size_t row) const { return cluster_[row]; }
  // From any row to a centre.
  [[nodiscard]] double squared_distance(std::size_t row, std::size_t centre) const {
    return kernels_.squared_distance(rows().row(row), centres_.data() + centre * n_columns_,
                                     n_columns_);
  }

 private:
  template <class Body>
  Weights weigh_in_blocks(double scale, Job& job, const Body& body);

  [[nodiscard]] std::vector<char> unmoved(const std::vector<double>& centres) const;
  [[nodiscard]] bool assign_in_order(const std::vector<char>& has_stayed, Job& job);
  [[nodiscard]] bool assign_by_cluster(const std::vector<char>& has_stayed, Job& job);
  [[nodiscard]] FoundCentre own(std::size_t row, const std::vector<char>& has_stayed) const;
  [[nodiscard]] bool take(std::size_t row, const FoundCentre& found);
  struct Splits {
    std::vector<double> high, low;
    bool operator==(const Splits&) const = default;
  };
  void add_up(std::size_t n_centres, const Splits& splits, Job& job);
  void move_in_sums(const std::vector<std::size_t>& changed, const Splits& splits, Job& job);

  DistanceMeter<T> meter_;
  RoughDistances<T> rough_;
  RoughBlocks<T> blocks_;
  const RowKernels<T>& kernels_;
  std::size_t n_columns_;
  std::vector<double> centres_;
  std::size_t n_centres_ = 0;
  std::vector<std::size_t> cluster_;
  std::vector<double> squared_distance_;
  bool is_measured_ = false;  // whether all distances are those to the last centres
  std::unique_ptr<NearestCentre<T>> nearest_;  // of the last centres, if there are many columns
  // The last sums, of these splits and clusters; none after new seeds.
  std::vector<double> sums_;
  Splits sums_splits_;
  std::vector<std::size_t> summed_cluster_;
  // The sums of the weights in blocks of rows.
  double scale_ = 0.0;
  std::vector<std::int64_t> block_totals_;
};

}  // namespace thinset
