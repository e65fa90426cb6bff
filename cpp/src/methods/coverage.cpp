#include "methods/coverage.hpp"

#include <algorithm>
#include <limits>

#include "rows/block_sum.hpp"

namespace thinset {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

template <class T>
Coverage<T>::Coverage(const DistanceMeter<T>& meter, const Loss& loss, double origin, Job& job)
    : meter_(meter),
      loss_(loss),
      job_(job),
      nearest_(meter.rows().size(), origin),
      useless_beyond_(meter.rows().size(), infinity),
      blocks_((meter.rows().size() + BlockSum::rows_per_block - 1) / BlockSum::rows_per_block) {}

template <class T>
void Coverage<T>::leave_out_last(std::size_t n) {
  std::fill(nearest_.end() - static_cast<std::ptrdiff_t>(n), nearest_.end(), -infinity);
}

template <class T>
std::vector<double> Coverage<T>::losses_by(std::size_t row) const {
  std::vector<double> losses(nearest_.size());
  Point point;
  meter_.read(row, point);
  job_.parallel_for(losses.size(), BlockSum::rows_per_block,
                    [&](std::size_t begin, std::size_t end, unsigned) {
                      for (std::size_t i = begin; i < end; ++i) {
                        losses[i] = loss_.of_rank(meter_.rank(i, point));
                      }
                    });
  return losses;
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
    sum.add(row, nearest_[row] - loss_.of_rank(rank));
  }
  return sum.total();
}

template <class T>
void Coverage<T>::add() {
  for (const auto& [row, rank] : measured_) {
    nearest_[row] = loss_.of_rank(rank);
    useless_beyond_[row] = loss_.no_less_beyond(rank);
  }
}

template <class T>
void Coverage<T>::look_at(std::size_t row, std::vector<Measured>& measured) const {
  if (meter_.is_beyond(meter_.rows().row(row), point_, useless_beyond_[row])) {
    return;
  }
  const double rank = meter_.rank(row, point_);
  if (loss_.of_rank(rank) < nearest_[row]) {
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
