#include "methods/nearby_centres.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bounds/rounding.hpp"
#include "simd/screen_kernels.hpp"

namespace thinset {

namespace {

constexpr double float_epsilon = 0x1p-24;
// Squares of larger norms could overflow in float32.
constexpr double most_in_float = 1e15;
// More than what squares lose if they underflow.
constexpr double least_in_float = 1e-37;
// Covers the rounding of exact distances and of bounds in float64.
constexpr double margin = 1.0 + 1e-9;

// Of a float32 value |p|^2 - 2 p.q, to |p|^2 + |q|^2.
double relative_error(std::size_t n_columns) {
  return static_cast<double>(n_columns + 4) * float_epsilon;
}

std::size_t whole_registers(std::size_t n) {
  return (n + points_per_block - 1) / points_per_block * points_per_block;
}

}  // namespace

template <class T>
bool NearbyCentres<T>::is_for(const SelectionSize& size) {
  constexpr std::uint64_t few_columns = 8;
  constexpr std::uint64_t most_columns = 32;
  constexpr std::uint64_t most_values = 3200;  // of all centres
  constexpr std::uint64_t rows_per_centre = 64;
  return size.n_columns <= few_columns ||
         (size.n_columns <= most_columns && size.n_samples * size.n_columns <= most_values &&
          size.n_rows >= size.n_samples * rows_per_centre);
}

template <class T>
NearbyCentres<T>::NearbyCentres(const DistanceMeter<T>& meter, const std::vector<double>& centres,
                                const Job& job)
    : meter_(meter),
      kernels_(row_kernels<T>()),
      centres_(centres),
      n_columns_(meter.n_columns()),
      k_(centres.size() / meter.n_columns()),
      origin_(n_columns_, 0.0),
      images_(n_columns_, k_),
      scratch_(job.n_threads()) {
  images_.resize(k_);
  for (std::size_t i = 0; i < centres_.size(); ++i) {
    origin_[i % n_columns_] += centres_[i] / static_cast<double>(k_);
  }
  Projection::Image image;
  for (std::size_t c = 0; c < k_; ++c) {
    set_image(centres_.data() + c * n_columns_, image);
    largest_norm_ = std::max(largest_norm_, std::sqrt(image.square_norm));
    images_.set(c, image);
  }
}

template <class T>
void NearbyCentres<T>::set_image(const double* values, Projection::Image& image) const {
  image.coordinates.clear();
  image.square_norm = 0.0;
  for (std::size_t j = 0; j < n_columns_; ++j) {
    const auto coordinate = static_cast<float>(values[j] - origin_[j]);
    image.coordinates.push_back(coordinate);
    image.square_norm += static_cast<double>(coordinate) * static_cast<double>(coordinate);
  }
}

// Whether float32 can hold squares of all distances between the centres and rows that are at most
// this far from one of them.
template <class T>
bool NearbyCentres<T>::can_hold(double squared_distance) const {
  return largest_norm_ + std::sqrt(squared_distance) <= most_in_float;
}

template <class T>
void NearbyCentres<T>::find(std::span<const std::size_t> rows, std::span<FoundCentre> found,
                            unsigned thread) {
  Scratch& scratch = scratch_[thread];
  const std::size_t own = found.front().centre;
  double reach = 0.0;
  for (const FoundCentre& one : found) {
    reach = std::max(reach, one.squared_distance);
  }
  scratch.unsure.clear();
  if (!can_hold(reach)) {
    scratch.unsure.resize(rows.size());
    std::iota(scratch.unsure.begin(), scratch.unsure.end(), std::size_t{0});
    settle(rows, found, scratch);
    return;
  }
  if (!scratch.around || scratch.around->centre != own || scratch.around->squared_reach < reach) {
    look_around(own, reach, scratch);
  }
  const Surroundings& around = *scratch.around;
  if (around.centres.size() == 1) {
    return;
  }
  measure(rows, own, scratch);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double square = found[i].squared_distance;
    look(rows[i], around.centres[scratch.nearest[i]], found[i]);
    if (!(scratch.second[i] > limit_of_second(found[i], square))) {
      scratch.unsure.push_back(i);
    }
  }
  if (!scratch.unsure.empty()) {
    settle(rows, found, scratch);
  }
}

// Finds the centres that may be as near as `centre` to a row of its cluster within the reach.
template <class T>
void NearbyCentres<T>::look_around(std::size_t centre, double squared_reach,
                                   Scratch& scratch) const {
  if (!scratch.around) {
    scratch.around.emplace();
  }
  Surroundings& around = *scratch.around;
  around.centre = centre;
  around.squared_reach = squared_reach;
  around.centres.clear();
  const double* const middle = centres_.data() + centre * n_columns_;
  set_image(middle, scratch.image);
  scratch.search.clear();
  scratch.search.push_back(scratch.image, limit(scratch.image, 2.0 * std::sqrt(squared_reach)));
  images_.find_near(scratch.search, 0, k_);
  scratch.search.for_each(0, 0, [&](std::size_t c) { around.centres.push_back(c); });
  around.points.resize(around.centres.size() * (n_columns_ + 1));
  float* point = around.points.data();
  for (const std::size_t c : around.centres) {
    const double* const values = centres_.data() + c * n_columns_;
    double square_norm = 0.0;
    for (std::size_t j = 0; j < n_columns_; ++j) {
      const auto coordinate = static_cast<float>(values[j] - middle[j]);
      square_norm += static_cast<double>(coordinate) * static_cast<double>(coordinate);
      point[j + 1] = -2.0F * coordinate;
    }
    point[0] = static_cast<float>(square_norm);
    point += n_columns_ + 1;
  }
}

// From rows of the centre's cluster to the centres around it.
template <class T>
void NearbyCentres<T>::measure(std::span<const std::size_t> rows, std::size_t centre,
                               Scratch& scratch) const {
  const std::size_t n = whole_registers(rows.size());
  scratch.wide.resize(n_columns_);
  scratch.columns.resize(n_columns_ * points_per_group);
  scratch.nearest.resize(n);
  scratch.second.resize(n);
  const double* const middle = centres_.data() + centre * n_columns_;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    kernels_.widen(meter_.rows().row(rows[i]), scratch.wide.data(), n_columns_);
    for (std::size_t j = 0; j < n_columns_; ++j) {
      scratch.columns[j * points_per_group + i] = static_cast<float>(scratch.wide[j] - middle[j]);
    }
  }
  screen_kernels().find_nearest_two(scratch.columns.data(), n, scratch.around->points.data(),
                                    scratch.around->centres.size(), n_columns_,
                                    scratch.nearest.data(), scratch.second.data());
}

// For a row that was at `square` from its own centre: a centre with a larger value than this is
// further than the one found.
template <class T>
float NearbyCentres<T>::limit_of_second(const FoundCentre& found, double square) const {
  // With u = `square`, the row has a norm of at most sqrt(u), and a nearer centre one of at most 2
  // sqrt(u). In float32, their coordinates are off by 3 sqrt(u) 2^-24, which changes the squared
  // distance by 6 u 2^-24 and the square of the row's norm by 2 u 2^-24, and a little; the value is
  // off by (2 n + 4) 5 u 2^-24.
  const double error = (10.0 * static_cast<double>(n_columns_) + 32.0) * float_epsilon;
  return float_above(found.squared_distance - square + error * square + least_in_float);
}

// Looks at all centres that may be as near as the ones found, for the unsure rows.
template <class T>
void NearbyCentres<T>::settle(std::span<const std::size_t> rows, std::span<FoundCentre> found,
                              Scratch& scratch) const {
  scratch.wide.resize(n_columns_);
  scratch.search.clear();
  for (const std::size_t i : scratch.unsure) {
    kernels_.widen(meter_.rows().row(rows[i]), scratch.wide.data(), n_columns_);
    set_image(scratch.wide.data(), scratch.image);
    const double reach = std::sqrt(found[i].squared_distance);
    scratch.search.push_back(scratch.image, limit(scratch.image, reach));
  }
  images_.find_near(scratch.search, 0, k_);
  for (std::size_t u = 0; u < scratch.unsure.size(); ++u) {
    const std::size_t i = scratch.unsure[u];
    if (can_hold(found[i].squared_distance)) {
      scratch.search.for_each(u, 0, [&](std::size_t c) { look(rows[i], c, found[i]); });
    } else {
      for (std::size_t c = 0; c < k_; ++c) {
        look(rows[i], c, found[i]);
      }
    }
  }
}

// No centre of an image with a larger value than this is within the reach of what has `image`.
template <class T>
float NearbyCentres<T>::limit(const Projection::Image& image, double reach) const {
  const double norm = std::sqrt(image.square_norm);
  const double rounding = 2.0 * float_epsilon * (norm + largest_norm_);
  const double to_image = reach * margin + rounding;
  const double largest = norm + to_image;
  return float_above(to_image * to_image - image.square_norm * (2.0 - margin) +
                     relative_error(n_columns_) * (largest * largest + image.square_norm) +
                     least_in_float);
}

template <class T>
void NearbyCentres<T>::look(std::size_t row, std::size_t centre, FoundCentre& found) const {
  if (centre == found.centre) {
    return;
  }
  const double squared_distance = kernels_.squared_distance(
      meter_.rows().row(row), centres_.data() + centre * n_columns_, n_columns_);
  const FoundCentre other{centre, squared_distance};
  if (found.is_behind(other)) {
    found = other;
  }
}

std::uint64_t nearby_centres_memory(const SelectionSize& size) {
  const std::uint64_t of_one = (size.n_columns + 1) * sizeof(float) + sizeof(std::size_t);
  return image_list_memory(size) + size.n_threads * size.n_samples * of_one;
}

template class NearbyCentres<float>;
template class NearbyCentres<double>;
template class NearbyCentres<Float16>;
template class NearbyCentres<BFloat16>;

}  // namespace thinset
