#include "methods/nearest_centre.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <type_traits>

namespace thinset {

namespace {

constexpr std::size_t centres_per_stretch = points_per_group;
constexpr std::size_t centres_worth_images = 32;
constexpr std::size_t centres_worth_projecting = 64;
// Images with fewer coordinates cost next to nothing.
constexpr std::size_t columns_worth_sparing = 16;
constexpr double float_epsilon = 0x1p-24;
// Squares of larger norms could overflow in float32.
constexpr double most_in_float = 1e15;
// With a larger error of squares, relative to the distances, rows are no good as images.
constexpr double largest_error = 0.01;

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
  if (k_ < centres_worth_images) {
    return;
  }
  if (k_ >= centres_worth_projecting) {
    projection_.emplace(meter, job);
  }
  if constexpr (std::is_same_v<T, float>) {
    const bool is_useless = !projection_ || projection_->n_coordinates() == n_columns_;
    if (is_useless && n_columns_ >= columns_worth_sparing) {
      projection_.reset();
      measure_rows(job);
    }
  }
  if (projection_ || !square_norms_.empty()) {
    images_.emplace(projection_ ? projection_->n_coordinates() : n_columns_, k_);
    images_->resize(k_);
  }
}

template <class T>
void NearestCentre<T>::measure_rows(Job& job) {
  square_norms_.resize(meter_.rows().size());
  job.parallel_for(square_norms_.size(), 256, [&](std::size_t begin, std::size_t end, unsigned) {
    Point point;
    for (std::size_t row = begin; row < end; ++row) {
      meter_.read(row, point);
      square_norms_[row] = kernels_.dot(meter_.rows().row(row), point.values.data(), n_columns_);
    }
  });
}

template <class T>
void NearestCentre<T>::take_in_centres(const Job& job) {
  scratch_.resize(job.n_threads());
  std::ranges::transform(centres_, float_centres_.begin(),
                         [](double value) { return static_cast<float>(value); });
  float_error_ = 0.0;
  largest_norm_ = square_norms_.empty() ? 0.0 : std::sqrt(std::ranges::max(square_norms_));
  Point point;
  Projection::Image image;
  for (std::size_t c = 0; c < k_; ++c) {
    const double* centre = centres_.data() + c * n_columns_;
    const float* rounded = float_centres_.data() + c * n_columns_;
    if (projection_) {
      point.values.assign(centre, centre + n_columns_);
      projection_->project(point, image);
    } else if (images_) {
      image.coordinates.assign(rounded, rounded + n_columns_);
      image.square_norm = 0.0;
      for (const float value : image.coordinates) {
        image.square_norm += static_cast<double>(value) * static_cast<double>(value);
      }
      largest_norm_ = std::max(largest_norm_, std::sqrt(image.square_norm));
    }
    if (images_) {
      images_->set(c, image);
    }
    double square = 0.0;
    for (std::size_t j = 0; j < n_columns_; ++j) {
      const double error = centre[j] - static_cast<double>(rounded[j]);
      square += error * error;
    }
    float_error_ = std::max(float_error_, std::sqrt(square) * (1.0 + 1e-9));
  }
}

template <class T>
void NearestCentre<T>::find(std::size_t begin, std::vector<Found>& found, unsigned thread) {
  if (projection_) {
    find_by_projections(begin, found, scratch_[thread]);
    return;
  }
  if (images_ && find_by_rows(begin, found, scratch_[thread])) {
    return;
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (std::size_t c = 0; c < k_; ++c) {
      look(begin + i, c, found[i]);
    }
  }
}

template <class T>
bool NearestCentre<T>::find_by_rows(std::size_t begin, std::vector<Found>& found,
                                    Scratch& scratch) {
  if constexpr (!std::is_same_v<T, float>) {
    return false;
  } else {
    if (!(largest_norm_ <= most_in_float)) {
      return false;
    }
    // |x - c|^2 = |x|^2 + |c|^2 - 2 x.c, of which the kernel computes the last two terms.
    const double relative = static_cast<double>(n_columns_ + 16) * float_epsilon;
    const auto limit_of = [&](std::size_t i) {
      const double reach = std::sqrt(found[i].squared_distance) + float_error_;
      const double norm = std::sqrt(square_norms_[begin + i]) + reach;
      return reach * reach * (1.0 + float_epsilon) - square_norms_[begin + i] +
             relative * 2.0 * norm * norm + 1e-37;
    };
    const auto rounded_up = [](double value) {
      return std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
    };
    double errors = 0.0;
    double distances = 0.0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      errors += relative * square_norms_[begin + i];
      distances += found[i].squared_distance;
    }
    if (!(errors <= largest_error * distances)) {
      return false;
    }
    scratch.search.clear();
    for (std::size_t i = 0; i < found.size(); ++i) {
      scratch.search.push_back(std::span(meter_.rows().row(begin + i), n_columns_),
                               rounded_up(limit_of(i)));
    }
    search_images(begin, found, scratch, [&](std::size_t i) { return rounded_up(limit_of(i)); });
    return true;
  }
}

template <class T>
void NearestCentre<T>::find_by_projections(std::size_t begin, std::vector<Found>& found,
                                           Scratch& scratch) {
  scratch.images.resize(found.size());
  scratch.search.clear();
  for (std::size_t i = 0; i < found.size(); ++i) {
    meter_.read(begin + i, scratch.point);
    projection_->project(scratch.point, scratch.images[i]);
    scratch.search.push_back(scratch.images[i],
                             projection_->limit(scratch.images[i], found[i].squared_distance));
  }
  search_images(begin, found, scratch, [&](std::size_t i) {
    return projection_->limit(scratch.images[i], found[i].squared_distance);
  });
}

// limit_of(i): the limit of query i, which falls when a nearer centre is found.
template <class T>
template <class LimitOf>
void NearestCentre<T>::search_images(std::size_t begin, std::vector<Found>& found, Scratch& scratch,
                                     const LimitOf& limit_of) {
  for (std::size_t first = 0; first < k_; first += centres_per_stretch) {
    images_->find_near(scratch.search, first, std::min(k_, first + centres_per_stretch));
    for (std::size_t i = 0; i < found.size(); ++i) {
      const double before = found[i].squared_distance;
      scratch.search.for_each(i, first, [&](std::size_t c) { look(begin + i, c, found[i]); });
      if (found[i].squared_distance < before) {
        scratch.search.set_limit(i, limit_of(i));
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
  const bool has_images = size.n_samples >= centres_worth_images;
  return floats + (has_images ? image_list_memory(size) + size.n_rows * sizeof(double) : 0);
}

template class NearestCentre<float>;
template class NearestCentre<double>;
template class NearestCentre<Float16>;
template class NearestCentre<BFloat16>;

}  // namespace thinset
