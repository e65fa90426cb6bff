// Rows in float32, for bounds on their distances.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rows/distance.hpp"
#include "rows/loss.hpp"
#include "simd/pair_kernels.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Some rows as one side of pairs: queries are stored row by row, points in blocks.
struct RoughSide {
  std::vector<std::uint32_t> rows;
  std::vector<float> values, norms, reaches, sums, gains;
  Point point;
};

// Rows are centred, scaled to about unit radius and rounded to float32; for cosine, their
// directions. Squared distances are |x|^2 + |y|^2 - 2 x.y with norms lowered by the largest
// possible error, so that the kernels' results are never too large. A value is a loss computed by
// the kernels: a distance, in scaled units, or minus a similarity.
template <class T>
class RoughRows {
 public:
  RoughRows(const DistanceMeter<T>& meter, const Loss& loss, Job& job);

  [[nodiscard]] const DistanceMeter<T>& meter() const { return meter_; }
  [[nodiscard]] std::size_t size() const { return norms_.size(); }
  [[nodiscard]] std::size_t n_columns() const { return centre_.size(); }
  // Whether float32 has enough range and precision for useful bounds.
  [[nodiscard]] bool is_usable() const { return is_usable_; }
  // The squared radius of every row, slightly lowered.
  [[nodiscard]] const std::vector<float>& norms() const { return norms_; }
  [[nodiscard]] const PairValue& pair_value() const { return pair_value_; }

  // The smallest value that certainly reaches a loss, and the largest loss that is certainly at
  // most that of a value.
  [[nodiscard]] float reach_of(double loss) const;
  [[nodiscard]] float loss_at_least(float value) const;
  // Sums of n values, as bounds on sums of losses: `value_error` is the sum's relative error.
  [[nodiscard]] double sum_at_least(double sum, double value_error) const;
  [[nodiscard]] double sum_at_most(double sum, double value_error) const;

  // `reach` holds a loss for each row of the matrix, or nothing.
  void read_queries(std::span<const std::uint32_t> rows, const std::vector<double>& reach,
                    RoughSide& side) const;
  void read_points(std::span<const std::uint32_t> rows, const std::vector<double>& reach,
                   RoughSide& side) const;

 private:
  void fit_centre();
  void settle_values(const Loss& loss);
  void measure_norms();
  void reset(std::span<const std::uint32_t> rows, std::size_t group, std::size_t sums_per_row,
             const std::vector<double>& reach, RoughSide& side) const;
  void centre_row(std::size_t row, Point& point) const;
  void centre_row(std::size_t row, Point& point, float* values) const;

  const DistanceMeter<T>& meter_;
  Job& job_;
  double error_;  // of a squared distance, relative to the sum of the squared norms
  double noise_;  // of a distance, absolute; cosine only, and not of similarities
  bool is_usable_ = true;
  bool fits_float_ = true;  // differences from the centre are in range before they are scaled
  double scale_ = 1.0;
  double value_per_loss_ = 1.0;
  PairValue pair_value_;
  std::vector<double> centre_;
  std::vector<float> rough_centre_;
  std::vector<float> norms_;
};

// The largest number of rows in a tile that fits in cache; a multiple of 32.
std::size_t rows_per_tile(std::size_t n_columns);

// Queries [begin, end) of a side, or all its points, for the kernels.
PairSide queries_of(RoughSide& side, std::size_t begin, std::size_t end, std::size_t n_columns);
PairSide points_of(RoughSide& side);

}  // namespace thinset
