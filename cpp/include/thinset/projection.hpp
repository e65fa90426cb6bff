// Few coordinates that tell most of a distance: what keeps greedy methods from measuring it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "thinset/distance.hpp"
#include "thinset/parallel_for.hpp"
#include "thinset/screen_kernels.hpp"

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

  // A point seen through the projection.
  struct Image {
    std::vector<float> coordinates;
    double radius = 0.0;  // of the point itself, from the projection's centre
    std::vector<float> centred;
  };
  void project(const Point& point, Image& image) const;

  // Every point whose rank to the image's point is below `rank` has an image at a squared distance
  // of at most this.
  [[nodiscard]] float limit(const Image& image, double rank) const;

 private:
  void centre_on(const std::vector<Point>& sample);
  // Returns the share of the variance that lies in the directions.
  double fit(const std::vector<Point>& sample, std::size_t n_directions, Job& job);

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

// Images of numbered points, laid out for ScreenKernels::find_near.
class ImageList {
 public:
  ImageList(std::size_t n_coordinates, std::size_t capacity);

  void push_back(const Projection::Image& image) { set(size_++, image); }
  void resize(std::size_t size);
  void set(std::size_t number, const Projection::Image& image);
  [[nodiscard]] std::size_t size() const { return size_; }

  // The numbers in [begin, end) of images within `limit` of `image`, rising; with some beside them
  // that share a block with begin or end. `near` is scratch for the caller to keep.
  void find_near(const Projection::Image& image, float limit, std::size_t begin, std::size_t end,
                 std::vector<std::uint32_t>& near) const;

  // No list holds more: numbers inside are of 32 bits.
  static constexpr std::size_t max_size = std::size_t{1} << 31;

 private:
  std::size_t n_coordinates_;
  std::size_t size_ = 0;
  std::vector<float> blocks_;
};

// With n_samples images. Likely few coordinates tell enough; all may be needed.
MemoryNeed image_list_memory(const SelectionSize& size);

}  // namespace thinset
