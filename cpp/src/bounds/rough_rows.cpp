#include "bounds/rough_rows.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <type_traits>

#include "bounds/rounding.hpp"
#include "simd/screen_kernels.hpp"

namespace thinset {

namespace {

constexpr double float_epsilon = 0x1p-24;
// Relative float64 rounding error of the bounded sums.
constexpr double error_of_exact_sums = 1e-9;
constexpr std::size_t max_sample = 1024;
constexpr std::size_t max_rows_per_tile = 1024;
constexpr std::size_t max_values_per_tile = std::size_t{1} << 18;
// Squares of larger scaled radii could overflow.
constexpr double max_radius = 1e15;
// Beyond these, exact distances may lose their squares too.
constexpr double max_scale = 1e100;
constexpr double max_norm = 1e100;
// Looser bounds, with very many columns, are useless.
constexpr double max_error = 0.1;
// Of Gaussian similarities in float32, relative. Larger exponents or factors would overflow;
// smaller exponents only loosen bounds, and so large a factor makes every similarity 1.
constexpr double margin_of_exponents = 0x1p-20;
constexpr double margin_of_similarities = 0x1p-19;
constexpr double max_exponent = 1e30;
constexpr double max_raised = 1e38;
// In these ranges float32 rows need no conversion to float64.
constexpr double max_float_radius = 1e37;
constexpr double max_float_scale = 1e30;

double unit_of(const Point& point, Metric metric) {
  return metric == Metric::cosine ? 1.0 / point.norm : 1.0;
}

float rounded_up(double value) {
  return std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
}

float rounded_down(double value) {
  const double largest = std::numeric_limits<float>::max();
  return std::nextafter(static_cast<float>(std::min(value, largest)),
                        -std::numeric_limits<float>::infinity());
}

std::size_t rounded_to(std::size_t n, std::size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

}  // namespace

template <class T>
RoughRows<T>::RoughRows(const DistanceMeter<T>& meter, const Loss& loss, Job& job)
    : meter_(meter),
      job_(job),
      error_((static_cast<double>(meter.n_columns()) + 64.0) * float_epsilon),
      noise_(meter.metric() == Metric::cosine ? error_of_cosine_rank(meter.n_columns()) : 0.0),
      centre_(meter.n_columns(), 0.0),
      norms_(meter.rows().size()) {
  fit_centre();
  settle_values(loss);
  measure_norms();
}

template <class T>
void RoughRows<T>::fit_centre() {
  const std::size_t n_sample = std::min(size(), max_sample);
  std::vector<Point> sample(n_sample);
  for (std::size_t s = 0; s < n_sample; ++s) {
    meter_.read(size() / n_sample * s, sample[s]);
    const double unit = unit_of(sample[s], meter_.metric());
    for (std::size_t j = 0; j < n_columns(); ++j) {
      centre_[j] += sample[s].values[j] * unit / static_cast<double>(n_sample);
    }
  }
  // Any centre will do. A float32 centre avoids converting float32 rows to float64.
  for (double& value : centre_) {
    const auto rough = static_cast<float>(value);
    value = std::isfinite(rough) ? rough : value;
    rough_centre_.push_back(rough);
  }
  double mean_square = 0.0;
  for (const Point& point : sample) {
    const double unit = unit_of(point, meter_.metric());
    for (std::size_t j = 0; j < n_columns(); ++j) {
      const double difference = point.values[j] * unit - centre_[j];
      mean_square += difference * difference / static_cast<double>(n_sample);
    }
  }
  if (mean_square > 0.0 && std::isfinite(mean_square)) {
    scale_ = std::ldexp(1.0, -std::ilogb(std::sqrt(mean_square)));
  }
  is_usable_ = scale_ <= max_scale && scale_ >= 1.0 / max_scale && error_ < max_error;
}

template <class T>
void RoughRows<T>::settle_values(const Loss& loss) {
  // A cosine distance is half the square between directions.
  const double square_per_rank = (meter_.metric() == Metric::cosine ? 2.0 : 1.0) * scale_ * scale_;
  if (loss.is_gaussian()) {
    pair_value_.kind = PairValue::Kind::gaussian;
    pair_value_.exponent = static_cast<float>(
        std::min(loss.exponent() / square_per_rank * (1.0 - margin_of_exponents), max_exponent));
    const double raised = std::exp(loss.exponent() * noise_) * (1.0 + margin_of_similarities);
    pair_value_.raised = static_cast<float>(std::min(raised, max_raised));
    noise_ = 0.0;
  } else if (meter_.metric() == Metric::euclidean) {
    pair_value_.kind = PairValue::Kind::root;
    value_per_loss_ = scale_;
  } else {
    value_per_loss_ = square_per_rank;
  }
}

template <class T>
void RoughRows<T>::measure_norms() {
  std::atomic<bool> is_in_range = true;
  std::atomic<bool> fits_float = scale_ <= max_float_scale && scale_ >= 1.0 / max_float_scale;
  job_.parallel_for(size(), 256, [&](std::size_t begin, std::size_t end, unsigned) {
    Point point;
    for (std::size_t i = begin; i < end; ++i) {
      centre_row(i, point);
      const double square =
          row_kernels<double>().dot(point.values.data(), point.values.data(), n_columns());
      const double norm = point.norm;  // for cosine only; otherwise 0
      if (!(square <= max_radius * max_radius) || norm > max_norm ||
          (norm != 0.0 && norm < 1.0 / max_norm)) {
        is_in_range = false;
      }
      if (!(std::sqrt(square) <= max_float_radius * scale_)) {
        fits_float = false;
      }
      // 1e-30 covers squares that float32 cannot hold.
      norms_[i] = static_cast<float>(square * (1.0 - error_) - 1e-30);
    }
  });
  is_usable_ = is_usable_ && is_in_range;
  fits_float_ = fits_float;
}

template <class T>
void RoughRows<T>::centre_row(std::size_t row, Point& point) const {
  meter_.read(row, point);
  const double unit = unit_of(point, meter_.metric());
  for (std::size_t j = 0; j < n_columns(); ++j) {
    point.values[j] = scale_ * (point.values[j] * unit - centre_[j]);
  }
}

template <class T>
void RoughRows<T>::centre_row(std::size_t row, Point& point, float* values) const {
  if constexpr (std::is_same_v<T, float>) {
    if (fits_float_ && meter_.metric() != Metric::cosine) {
      const float* from = meter_.rows().row(row);
      const auto scale = static_cast<float>(scale_);
      for (std::size_t j = 0; j < n_columns(); ++j) {
        values[j] = scale * (from[j] - rough_centre_[j]);
      }
      return;
    }
  }
  centre_row(row, point);
  for (std::size_t j = 0; j < n_columns(); ++j) {
    values[j] = static_cast<float>(point.values[j]);
  }
}

template <class T>
float RoughRows<T>::reach_of(double loss) const {
  return rounded_up((loss + noise_) * value_per_loss_);
}

template <class T>
float RoughRows<T>::loss_at_least(float value) const {
  return rounded_down(value / value_per_loss_ - noise_);
}

template <class T>
double RoughRows<T>::sum_at_least(double sum, double value_error) const {
  const double error = value_error + error_of_exact_sums;
  return sum / value_per_loss_ * (sum < 0.0 ? 1.0 + error : 1.0 - error) -
         noise_ * static_cast<double>(size());
}

template <class T>
double RoughRows<T>::sum_at_most(double sum, double value_error) const {
  return sum / value_per_loss_ * (1.0 + value_error + error_of_exact_sums);
}

template <class T>
void RoughRows<T>::reset(std::span<const std::uint32_t> rows, std::size_t group,
                         std::size_t sums_per_row, const std::vector<double>& reach,
                         RoughSide& side) const {
  const std::size_t n = rounded_to(rows.size(), group);
  side.rows.assign(rows.begin(), rows.end());
  side.values.resize(n * n_columns());
  std::fill(side.values.begin() + static_cast<std::ptrdiff_t>(rows.size() / points_per_block *
                                                              points_per_block * n_columns()),
            side.values.end(), 0.0F);
  const float infinity = std::numeric_limits<float>::infinity();
  side.norms.assign(n, pair_value_.kind == PairValue::Kind::gaussian ? infinity : -infinity);
  side.reaches.assign(n, -2.0F);  // below every value
  side.sums.assign(n * sums_per_row, 0.0F);
  side.gains.assign(n * sums_per_row, 0.0F);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    side.norms[i] = norms_[rows[i]];
    side.reaches[i] = reach.empty() ? 0.0F : reach_of(reach[rows[i]]);
  }
}

template <class T>
void RoughRows<T>::read_queries(std::span<const std::uint32_t> rows,
                                const std::vector<double>& reach, RoughSide& side) const {
  reset(rows, queries_per_group, points_per_block, reach, side);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    centre_row(rows[i], side.point, side.values.data() + i * n_columns());
  }
}

template <class T>
void RoughRows<T>::read_points(std::span<const std::uint32_t> rows,
                               const std::vector<double>& reach, RoughSide& side) const {
  reset(rows, points_per_block * blocks_per_group, 1, reach, side);
  std::vector<float> values(n_columns());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    centre_row(rows[i], side.point, values.data());
    float* lane = side.values.data() + i / points_per_block * points_per_block * n_columns() +
                  i % points_per_block;
    for (std::size_t j = 0; j < n_columns(); ++j) {
      lane[j * points_per_block] = values[j];
    }
  }
}

template class RoughRows<float>;
template class RoughRows<double>;
template class RoughRows<Float16>;
template class RoughRows<BFloat16>;

std::size_t rows_per_tile(std::size_t n_columns) {
  return std::clamp(max_values_per_tile / n_columns / 32 * 32, std::size_t{32}, max_rows_per_tile);
}

PairSide queries_of(RoughSide& side, std::size_t begin, std::size_t end, std::size_t n_columns) {
  return {side.values.data() + begin * n_columns,
          side.norms.data() + begin,
          side.reaches.data() + begin,
          side.sums.data() + begin * points_per_block,
          side.gains.data() + begin * points_per_block,
          end - begin};
}

PairSide points_of(RoughSide& side) {
  return {side.values.data(), side.norms.data(), side.reaches.data(),
          side.sums.data(),   side.gains.data(), side.norms.size()};
}

}  // namespace thinset
