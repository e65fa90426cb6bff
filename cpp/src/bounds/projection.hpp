// A few coordinates that capture most of a distance, so that greedy methods can skip measuring it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "bounds/root_bound.hpp"
#include "rows/distance.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// An orthonormal projection onto the directions in which a sample of the rows varies most, or onto
// all coordinates in float32 if a few directions are not enough. Two points are at least as far
// apart as their projections, whatever the directions, so a pair with distant projections need not
// be measured.
class Projection {
 public:
  // Fits the directions by subspace iteration on at most 1,024 rows, if there are more than twice
  // as many coordinates. They are used if they have at least `telling_share` of the variance; with
  // all_coordinates, they are not even fitted.
  template <class T>
  Projection(const DistanceMeter<T>& meter, Job& job, double telling_share = 0.8,
             std::size_t n_directions = most_directions);
  static constexpr double all_coordinates = 2.0;
  static constexpr std::size_t most_directions = 32;

  [[nodiscard]] std::size_t n_coordinates() const { return n_coordinates_; }

  // The image of a point. It has no coordinates if they exceed the range of float32; no bound
  // follows for such a point.
  struct Image {
    std::vector<float> coordinates;
    double square_norm = 0.0;  // of the coordinates
    double radius = 0.0;       // of the point itself, from the projection's centre
    std::vector<float> centred;
  };
  void project(const Point& point, Image& image) const;

  // No point whose rank to a point of this radius is at most `rank` has an image further from that
  // point's image than this.
  [[nodiscard]] double reach(double radius, double rank) const;

  // Every point whose rank to the image's point is below `rank` has an image p for which
  // |p|^2 - 2 p.q, as ScreenKernels::find_near computes it, is at most this; q is `image`.
  [[nodiscard]] float limit(const Image& image, double rank) const;

  // The square roots of ranks to points with a value |p|^2 - 2 p.q of at least some value, computed
  // as above, if no p has a larger norm. Not for cosine.
  [[nodiscard]] std::optional<RootBound> root_bound(const Image& image, double largest_norm) const;

 private:
  // Also centres and scales the sample: rows of n_columns values.
  void centre_on(std::vector<double>& sample);
  // Returns the share of the variance along the directions, or 0 if it is hardly `telling_share`.
  double fit(const std::vector<double>& sample, std::size_t n_directions, double telling_share,
             Job& job);

  Metric metric_;
  std::size_t n_columns_;
  std::size_t n_coordinates_;
  double scale_ = 1.0;  // scales points to about unit radius, so that squares stay in range
  double rounding_ = 0.0;
  std::vector<double> centre_;
  std::vector<float> directions_;  // empty if all coordinates are used
};

// The peak, which is while it is fitted.
std::uint64_t projection_memory(const SelectionSize& size);

// The largest number of coordinates of one image; fewer may be enough.
std::uint64_t image_memory(const SelectionSize& size);

}  // namespace thinset
