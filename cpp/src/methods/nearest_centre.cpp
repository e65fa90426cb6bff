#include "methods/nearest_centre.hpp"

#include <algorithm>
#include <cmath>

namespace thinset {

namespace {

constexpr std::size_t centres_per_stretch = points_per_group;
constexpr std::size_t centres_worth_projecting = 64;

}  // namespace

template <class T>
NearestCentre<T>::NearestCentre(const DistanceMeter<T>& meter, const std::vector<double>& centres,
                                Job& job)
    : meter_(meter),
      kernels_(row_kernels<T>()),
      centres_(centres),
      n_columns_(meter.n_columns()),
      k_(centres.size() / meter.n_columns()),
      float_centres_(centres.size()) {
  if (k_ >= centres_worth_projecting) {
    projection_.emplace(meter, job);
    images_.emplace(projection_->n_coordinates(), k_);
    images_->resize(k_);
  }
}

template <class T>
void NearestCentre<T>::take_in_centres(const Job& job) {
  scratch_.resize(job.n_threads());
  std::ranges::transform(centres_, float_centres_.begin(),
                         [](double value) { return static_cast<float>(value); });
  float_error_ = 0.0;
  Point point;
  Projection::Image image;
  for (std::size_t c = 0; c < k_; ++c) {
    const double* centre = centres_.data() + c * n_columns_;
    point.values.assign(centre, centre + n_columns_);
    if (projection_) {
      projection_->project(point, image);
      images_->set(c, image);
    }
    double square = 0.0;
    for (std::size_t j = 0; j < n_columns_; ++j) {
      const double error = centre[j] - static_cast<double>(float_centres_[c * n_columns_ + j]);
      square += error * error;
    }
    float_error_ = std::max(float_error_, std::sqrt(square) * (1.0 + 1e-9));
  }
}

template <class T>
void NearestCentre<T>::find(std::size_t begin, std::vector<Found>& found, unsigned thread) {
  if (!projection_) {
    for (std::size_t i = 0; i < found.size(); ++i) {
      for (std::size_t c = 0; c < k_; ++c) {
        look(begin + i, c, found[i]);
      }
    }
    return;
  }
  Scratch& scratch = scratch_[thread];
  scratch.images.resize(found.size());
  scratch.search.clear();
  for (std::size_t i = 0; i < found.size(); ++i) {
    meter_.read(begin + i, scratch.point);
    projection_->project(scratch.point, scratch.images[i]);
    scratch.search.push_back(scratch.images[i],
                             projection_->limit(scratch.images[i], found[i].squared_distance));
  }
  for (std::size_t first = 0; first < k_; first += centres_per_stretch) {
    images_->find_near(scratch.search, first, std::min(k_, first + centres_per_stretch));
    for (std::size_t i = 0; i < found.size(); ++i) {
      const double before = found[i].squared_distance;
      scratch.search.for_each(i, first, [&](std::size_t c) { look(begin + i, c, found[i]); });
      if (found[i].squared_distance < before) {
        scratch.search.set_limit(i,
                                 projection_->limit(scratch.images[i], found[i].squared_distance));
      }
    }
  }
}

template <class T>
void NearestCentre<T>::look(std::size_t row, std::size_t centre, Found& found) const {
  if (centre == found.centre) {
    return;
  }
  const T* values = meter_.rows().row(row);
  const std::size_t at = centre * n_columns_;
  const float rough =
      kernels_.rough_squared_distance(values, float_centres_.data() + at, n_columns_);
  const double reach = std::sqrt(found.squared_distance) + float_error_;
  if (meter_.is_surely_above(rough, reach * reach)) {
    return;
  }
  const double squared = kernels_.squared_distance(values, centres_.data() + at, n_columns_);
  if (squared < found.squared_distance ||
      (squared == found.squared_distance && centre < found.centre)) {
    found = {centre, squared};
  }
}

std::uint64_t nearest_centre_memory(const SelectionSize& size) {
  const std::uint64_t floats = size.n_samples * size.n_columns * sizeof(float);
  const bool projects = size.n_samples >= centres_worth_projecting;
  return floats + (projects ? image_list_memory(size) : 0);
}

template class NearestCentre<float>;
template class NearestCentre<double>;
template class NearestCentre<Float16>;
template class NearestCentre<BFloat16>;

}  // namespace thinset
