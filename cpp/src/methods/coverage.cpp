#include "methods/coverage.hpp"

#include <limits>

#include "rows/block_sum.hpp"

namespace thinset {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

template <class T>
Coverage<T>::Coverage(const DistanceMeter<T>& meter, Job& job)
    : meter_(meter),
      job_(job),
      nearest_(meter.rows().size(), infinity),
      nearest_rank_(meter.rows().size(), infinity),
      blocks_((meter.rows().size() + BlockSum::rows_per_block - 1) / BlockSum::rows_per_block) {}

template <class T>
std::vector<double> Coverage<T>::distances_to(std::size_t row) const {
  std::vector<double> distances(nearest_.size());
  Point point;
  meter_.read(row, point);
  job_.parallel_for(distances.size(), BlockSum::rows_per_block,
                    [&](std::size_t begin, std::size_t end, unsigned) {
                      for (std::size_t i = begin; i < end; ++i) {
                        distances[i] = meter_.distance_from_rank(meter_.rank(i, point));
                      }
                    });
  return distances;
}

template <class T>
double Coverage<T>::summed_distance(std::size_t row) const {
  BlockSum sum;
  const std::vector<double> distances = distances_to(row);
  for (std::size_t i = 0; i < distances.size(); ++i) {
    sum.add(i, distances[i]);
  }
  return sum.total();
}

template <class T>
double Coverage<T>::measure(std::size_t candidate, const std::vector<Served>* served) {
  meter_.read(candidate, point_);
  measured_.clear();
  if (served == nullptr) {
    look_at_all();
  } else {
    for (const auto& [row, at_least] : *served) {
      if (at_least < nearest_[row]) {
        look_at(row, measured_);
      }
    }
  }
  BlockSum sum;
  for (const auto& [row, rank] : measured_) {
    sum.add(row, nearest_[row] - meter_.distance_from_rank(rank));
  }
  return sum.total();
}

template <class T>
void Coverage<T>::add() {
  for (const auto& [row, rank] : measured_) {
    nearest_[row] = meter_.distance_from_rank(rank);
    nearest_rank_[row] = rank;
  }
}

template <class T>
void Coverage<T>::look_at(std::size_t row, std::vector<Measured>& measured) const {
  if (meter_.is_beyond(meter_.rows().row(row), point_, nearest_rank_[row])) {
    return;
  }
  const double rank = meter_.rank(row, point_);
  if (meter_.distance_from_rank(rank) < nearest_[row]) {
    measured.push_back({row, rank});
  }
}

template <class T>
void Coverage<T>::look_at_all() {
  job_.parallel_for(nearest_.size(), BlockSum::rows_per_block,
                    [&](std::size_t begin, std::size_t end, unsigned) {
                      std::vector<Measured>& block = blocks_[begin / BlockSum::rows_per_block];
                      block.clear();
                      for (std::size_t row = begin; row < end; ++row) {
                        look_at(row, block);
                      }
                    });
  for (const std::vector<Measured>& block : blocks_) {
    measured_.insert(measured_.end(), block.begin(), block.end());
  }
}

template class Coverage<float>;
template class Coverage<double>;
template class Coverage<Float16>;
template class Coverage<BFloat16>;

}  // namespace thinset
