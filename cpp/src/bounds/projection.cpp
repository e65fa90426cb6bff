#include "bounds/projection.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "bounds/rounding.hpp"
#include "simd/screen_kernels.hpp"
#include "thinset/random.hpp"

namespace thinset {

namespace {

constexpr std::size_t max_sample = 1024;
constexpr int n_iterations = 3;
constexpr double float_epsilon = 0x1p-24;
// The largest scaled radius of a query, and the radius beyond which a point has no float32 image.
constexpr double max_radius_of_query = 1e14;
constexpr double max_radius_of_image = 1e15;

// The input of the screen: the row itself, or for cosine its direction.
double unit_of(const Point& point, Metric metric) {
  return metric == Metric::cosine ? 1.0 / point.norm : 1.0;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return row_kernels<double>().dot(a.data(), b.data(), a.size());
}

// Modified Gram-Schmidt, twice for orthogonality to rounding. Vectors that vanish become zero,
// which rules nothing out and is safe.
void orthonormalise(std::vector<std::vector<double>>& vectors) {
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const double before = std::sqrt(dot(vectors[i], vectors[i]));
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t other = 0; other < i; ++other) {
        const double along = dot(vectors[i], vectors[other]);
        for (std::size_t j = 0; j < vectors[i].size(); ++j) {
          vectors[i][j] -= along * vectors[other][j];
        }
      }
    }
    const double norm = std::sqrt(dot(vectors[i], vectors[i]));
    const bool vanished = !(norm > 1e-9 * before);
    for (double& value : vectors[i]) {
      value = vanished ? 0.0 : value / norm;
    }
  }
}

// Whether n directions may have this share of the variance. `products` are those of the covariance,
// of this trace, with as many random directions of length 1. Their mean square times the number of
// columns estimates the sum of the squared eigenvalues, which is at least share^2 / n of the
// squared trace if n of them have the share.
bool may_tell(const std::vector<std::vector<double>>& products, double trace, double share) {
  constexpr double margin = 0.5;
  double squares = 0.0;
  for (const std::vector<double>& product : products) {
    squares += dot(product, product);
  }
  const auto n = static_cast<double>(products.size());
  const auto n_columns = static_cast<double>(products[0].size());
  return squares / n * n_columns >= margin * share * share / n * trace * trace;
}

}  // namespace

template <class T>
Projection::Projection(const DistanceMeter<T>& meter, Job& job, double telling_share,
                       std::size_t n_directions)
    : metric_(meter.metric()),
      n_columns_(meter.n_columns()),
      n_coordinates_(n_columns_),
      centre_(n_columns_, 0.0) {
  const std::size_t n_rows = meter.rows().size();
  const std::size_t n_sample =
      std::clamp(n_rows / 8, std::min<std::size_t>(n_rows, 64), max_sample);
  // In one piece, so that it is returned to the system.
  std::vector<double> sample(n_sample * n_columns_);
  Point point;
  for (std::size_t s = 0; s < n_sample; ++s) {
    meter.read(n_rows / n_sample * s, point);
    const double unit = unit_of(point, metric_);
    for (std::size_t j = 0; j < n_columns_; ++j) {
      sample[s * n_columns_ + j] = point.values[j] * unit;
    }
  }
  centre_on(sample);
  if (telling_share <= 1.0 && n_columns_ > 2 * n_directions &&
      fit(sample, n_directions, telling_share, job) >= telling_share) {
    n_coordinates_ = n_directions;
  } else {
    directions_.clear();
  }
  rounding_ = 40.0 * float_epsilon;
  if (!directions_.empty()) {
    const auto n_terms = static_cast<double>(std::max(n_columns_ / 16, n_coordinates_) + 40);
    rounding_ = n_terms * float_epsilon * std::sqrt(static_cast<double>(n_coordinates_));
  }
}

void Projection::centre_on(std::vector<double>& sample) {
  const auto n_sample = static_cast<double>(sample.size() / n_columns_);
  for (std::size_t at = 0; at < sample.size(); ++at) {
    centre_[at % n_columns_] += sample[at] / n_sample;
  }
  double mean_square = 0.0;
  for (std::size_t at = 0; at < sample.size(); ++at) {
    sample[at] -= centre_[at % n_columns_];
    mean_square += sample[at] * sample[at] / n_sample;
  }
  if (mean_square > 0.0 && std::isfinite(mean_square)) {
    scale_ = std::ldexp(1.0, -std::ilogb(std::sqrt(mean_square)));
  }
  if (!std::isfinite(scale_) || scale_ == 0.0) {
    scale_ = 1.0;
  }
  for (double& value : sample) {
    value *= scale_;
  }
}

double Projection::fit(const std::vector<double>& sample, std::size_t n_wanted,
                       double telling_share, Job& job) {
  const std::size_t n_sample = sample.size() / n_columns_;
  std::vector<std::vector<double>> directions(n_wanted, std::vector<double>(n_columns_));
  Random random(0);
  for (std::vector<double>& direction : directions) {
    for (double& value : direction) {
      value = random.uniform() - 0.5;
    }
  }
  orthonormalise(directions);
  const double total = dot(sample, sample);
  std::vector<double> variance(n_wanted);
  for (int iteration = 0; iteration < n_iterations; ++iteration) {
    // Each direction is multiplied by the sample's covariance.
    job.parallel_for(n_wanted, 1, [&](std::size_t begin, std::size_t end, unsigned) {
      std::vector<double> product(n_columns_);
      for (std::size_t i = begin; i < end; ++i) {
        std::ranges::fill(product, 0.0);
        variance[i] = 0.0;
        for (std::size_t s = 0; s < n_sample; ++s) {
          const double* row = sample.data() + s * n_columns_;
          const double along = row_kernels<double>().dot(row, directions[i].data(), n_columns_);
          variance[i] += along * along;
          for (std::size_t j = 0; j < n_columns_; ++j) {
            product[j] += along * row[j];
          }
        }
        directions[i] = product;
      }
    });
    if (iteration == 0 && !may_tell(directions, total, telling_share)) {
      return 0.0;
    }
    orthonormalise(directions);
  }
  directions_.resize(n_wanted * n_columns_);
  for (std::size_t i = 0; i < n_wanted; ++i) {
    for (std::size_t j = 0; j < n_columns_; ++j) {
      directions_[i * n_columns_ + j] = static_cast<float>(directions[i][j]);
    }
  }
  return total > 0.0 ? std::accumulate(variance.begin(), variance.end(), 0.0) / total : 1.0;
}

void Projection::project(const Point& point, Image& image) const {
  image.coordinates.resize(n_coordinates_);
  image.centred.resize(n_columns_);
  const double unit = unit_of(point, metric_);
  double square = 0.0;
  for (std::size_t j = 0; j < n_columns_; ++j) {
    const double value = scale_ * (point.values[j] * unit - centre_[j]);
    square += value * value;
    image.centred[j] = static_cast<float>(value);
  }
  image.radius = std::sqrt(square);
  if (!(image.radius <= max_radius_of_image)) {
    std::ranges::fill(image.coordinates, 0.0F);
    image.square_norm = std::numeric_limits<double>::infinity();
    return;
  }
  if (directions_.empty()) {
    std::ranges::copy(image.centred, image.coordinates.begin());
  } else {
    screen_kernels().project(image.centred.data(), directions_.data(), n_columns_, n_coordinates_,
                             image.coordinates.data());
  }
  image.square_norm = 0.0;
  for (const float coordinate : image.coordinates) {
    image.square_norm += static_cast<double>(coordinate) * static_cast<double>(coordinate);
  }
}

double Projection::reach(double radius, double rank) const {
  // For cosine |x - y|^2 = 2 rank between directions.
  const double square =
      metric_ == Metric::cosine ? 2.0 * (rank + error_of_cosine_rank(n_columns_)) : rank;
  const double distance = scale_ * std::sqrt(std::max(square, 0.0));
  if (!(radius <= max_radius_of_query && distance <= max_radius_of_query)) {
    return std::numeric_limits<double>::infinity();
  }
  // Coordinates are off by at most rounding_ times the radius; a point within the distance has a
  // radius of at most this one's plus the distance.
  return distance + rounding_ * (2.0 * radius + distance);
}

float Projection::limit(const Image& image, double rank) const {
  const double widened = reach(image.radius, rank);
  if (std::isinf(widened)) {
    return std::numeric_limits<float>::infinity();
  }
  const double norm = std::sqrt(image.square_norm);
  const double largest_norm = norm + widened;
  const double error = static_cast<double>(n_coordinates_ + 16) * float_epsilon *
                       (image.square_norm + largest_norm * largest_norm);
  // |p - q|^2 <= widened^2. 1e-37 covers squares too small for float32, the last factor and term
  // the rounding of these lines and of the limit itself.
  const double limit = widened * widened - image.square_norm + error + 1e-37;
  return float_above(limit);
}

std::optional<RootBound> Projection::root_bound(const Image& image, double largest_norm) const {
  const double error = static_cast<double>(n_coordinates_ + 16) * float_epsilon *
                       (image.square_norm + largest_norm * largest_norm);
  // The root is at most what reach() widens.
  const double factor = 1.0 / (scale_ * (1.0 + rounding_));
  return RootBound::of(image.square_norm - error - 1e-37, factor,
                       2.0 * rounding_ * image.radius * factor);
}

template Projection::Projection(const DistanceMeter<float>&, Job&, double, std::size_t);
template Projection::Projection(const DistanceMeter<double>&, Job&, double, std::size_t);
template Projection::Projection(const DistanceMeter<Float16>&, Job&, double, std::size_t);
template Projection::Projection(const DistanceMeter<BFloat16>&, Job&, double, std::size_t);

std::uint64_t projection_memory(const SelectionSize& size) {
  const std::uint64_t n_sample = std::clamp<std::uint64_t>(
      size.n_rows / 8, std::min<std::uint64_t>(size.n_rows, 64), max_sample);
  const std::uint64_t d = size.n_columns;
  const std::uint64_t sample = n_sample * d * sizeof(double);
  constexpr std::uint64_t n_directions = Projection::most_directions;
  return d <= 2 * n_directions ? sample
                               : sample + n_directions * d * (sizeof(double) + sizeof(float));
}

std::uint64_t image_memory(const SelectionSize& size) { return size.n_columns * sizeof(float); }

}  // namespace thinset
