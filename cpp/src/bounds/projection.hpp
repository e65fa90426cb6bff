// Few coordinates that tell most of a distance: what keeps greedy methods from measuring it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rows/distance.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// An orthonormal projection onto the directions in which a sample of the rows varies most, or onto
// all coordinates in float32 where few directions do not tell enough. Two points are at least as
// far apart as their projections are, whatever the directions: a pair that is far apart there need
// not be measured.
class Projection {
 public:
  // Fits the directions by subspace iteration on at most 1,024 rows.
  template <class T>
  Projection(const DistanceMeter<T>& meter, Job& job);

  [[nodiscard]] std::size_t n_coordinates() const { return n_coordinates_; }

  // A point seen through the projection. Without coordinates where float32 has no room for them:
  // nothing is told of such a point.
  struct Image {
    std::vector<float> coordinates;
    double square_norm = 0.0;  // of the coordinates
    double radius = 0.0;       // of the point itself, from the projection's centre
    std::vector<float> centred;
  };
  void project(const Point& point, Image& image) const;

  // Every point whose rank to the image's point is below `rank` has an image p for which
  // |p|^2 - 2 p.q, as ScreenKernels::find_near computes it, is at most this; q is `image`.
  [[nodiscard]] float limit(const Image& image, double rank) const;

 private:
  // Centres and scales the sample, too: rows of n_columns values.
  void centre_on(std::vector<double>& sample);
  // Returns the share of the variance that lies in the directions.
  double fit(const std::vector<double>& sample, std::size_t n_directions, Job& job);

  Metric metric_;
  std::size_t n_columns_;
  std::size_t n_coordinates_;
  double scale_ = 1.0;  // brings points to about unit radius, so that squares stay in range
  double rounding_ = 0.0;
  std::vector<double> centre_;
  std::vector<float> directions_;  // none: all coordinates as they are
};

// While it is fitted, which is when it needs most.
std::uint64_t projection_memory(const SelectionSize& size);

// The coordinates of one image, where all are needed; a few may tell enough.
std::uint64_t image_memory(const SelectionSize& size);

}  // namespace thinset
