// Distances between rows of embeddings.
#pragma once

#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

#include "thinset/matrix_view.hpp"
#include "thinset/parallel_for.hpp"
#include "thinset/row_kernels.hpp"

namespace thinset {

enum class Metric {
  euclidean,
  sqeuclidean,
  cosine,  // 1 - x.y / (|x| |y|)
};

// Throws InvalidInput for a name that is none of euclidean, sqeuclidean, cosine.
Metric metric_from_name(std::string_view name);
std::string_view to_string(Metric metric);

// Measures rows against one query row at a time. `rank` is a monotone stand-in that is cheaper than
// the distance (squares for euclidean): comparisons may use it, figures use distance().
template <class T>
class DistanceMeter {
 public:
  // Throws InvalidInput for cosine where a row has zero norm, naming the first such row.
  DistanceMeter(const Rows<T>& rows, Metric metric, Job& job);

  // Sets the query to row i, or to any point of n_columns values.
  void set_query(std::size_t i);
  void set_query(const std::vector<double>& point);

  [[nodiscard]] double rank(std::size_t i) const {
    if (metric_ == Metric::cosine) {
      const double dot = kernels_.dot(rows_.row(i), query_.data(), query_.size());
      return 1.0 - dot / (norms_[i] * query_norm_);
    }
    return kernels_.squared_distance(rows_.row(i), query_.data(), query_.size());
  }
  [[nodiscard]] double distance_from_rank(double rank) const {
    return metric_ == Metric::euclidean ? std::sqrt(rank) : rank;
  }
  [[nodiscard]] double distance(std::size_t i) const { return distance_from_rank(rank(i)); }

 private:
  Rows<T> rows_;
  Metric metric_;
  const RowKernels<T>& kernels_;
  std::vector<double> norms_;
  std::vector<double> query_;
  double query_norm_ = 0.0;
};

}  // namespace thinset
