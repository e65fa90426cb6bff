#include "thinset/distance.hpp"

#include <string>

#include "thinset/error.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 1024;

}  // namespace

Metric metric_from_name(std::string_view name) {
  for (const Metric metric : {Metric::euclidean, Metric::sqeuclidean, Metric::cosine}) {
    if (name == to_string(metric)) {
      return metric;
    }
  }
  throw InvalidInput("metric must be one of euclidean, sqeuclidean, cosine; got '" +
                     std::string(name) + "'");
}

std::string_view to_string(Metric metric) {
  switch (metric) {
    case Metric::euclidean:
      return "euclidean";
    case Metric::sqeuclidean:
      return "sqeuclidean";
    case Metric::cosine:
      return "cosine";
  }
  return "unknown";
}

template <class T>
DistanceMeter<T>::DistanceMeter(const Rows<T>& rows, Metric metric, Job& job)
    : rows_(rows), metric_(metric), kernels_(row_kernels<T>()), query_(rows.n_columns()) {
  if (metric != Metric::cosine) {
    return;
  }
  norms_.resize(rows.size());
  const std::vector<double> origin(rows.n_columns(), 0.0);
  job.parallel_for(rows.size(), rows_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
    for (std::size_t i = begin; i < end; ++i) {
      norms_[i] = std::sqrt(kernels_.squared_distance(rows_.row(i), origin.data(), origin.size()));
    }
  });
  for (std::size_t i = 0; i < norms_.size(); ++i) {
    if (norms_[i] == 0.0) {
      throw InvalidInput("the cosine distance needs rows of non-zero norm: row " +
                         std::to_string(rows.original(i)) + " is all zeros");
    }
  }
}

template <class T>
void DistanceMeter<T>::set_query(std::size_t i) {
  kernels_.widen(rows_.row(i), query_.data(), query_.size());
  query_norm_ = metric_ == Metric::cosine ? norms_[i] : 0.0;
}

template <class T>
void DistanceMeter<T>::set_query(const std::vector<double>& point) {
  query_ = point;
  const std::vector<double> origin(point.size(), 0.0);
  query_norm_ =
      std::sqrt(row_kernels<double>().squared_distance(point.data(), origin.data(), point.size()));
}

template class DistanceMeter<float>;
template class DistanceMeter<double>;
template class DistanceMeter<Float16>;
template class DistanceMeter<BFloat16>;

}  // namespace thinset
