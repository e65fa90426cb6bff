// Finds images under a Projection that may be near to given ones, for several queries at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bounds/projection.hpp"
#include "rows/selection_size.hpp"
#include "simd/screen_kernels.hpp"

namespace thinset {

// Queries of an ImageList, and their results.
class NearSearch {
 public:
  void clear() {
    coordinates_.clear();
    limits_.clear();
  }
  // Asks for the images near to this one; `limit` is Projection::limit().
  void push_back(const Projection::Image& image, float limit) {
    coordinates_.insert(coordinates_.end(), image.coordinates.begin(), image.coordinates.end());
    limits_.push_back(limit);
  }
  void set_limit(std::size_t question, float limit) { limits_[question] = limit; }
  [[nodiscard]] std::size_t size() const { return limits_.size(); }

  // body(number) for each image found near, from number `from` on, in ascending order.
  template <class Body>
  void for_each(std::size_t question, std::size_t from, const Body& body) const {
    for (std::size_t g = 0; g < n_groups_; ++g) {
      const std::size_t first = (first_group_ + g) * points_per_group;
      for (std::uint64_t bits = near_[question * n_groups_ + g]; bits != 0; bits &= bits - 1) {
        const std::size_t number = first + static_cast<std::size_t>(std::countr_zero(bits));
        if (number >= from && number < end_) {
          body(number);
        }
      }
    }
  }

 private:
  friend class ImageList;

  std::vector<float> coordinates_;
  std::vector<float> limits_;
  std::vector<std::uint64_t> near_;
  std::size_t first_group_ = 0;
  std::size_t n_groups_ = 0;
  std::size_t end_ = 0;
};

// Images of numbered points, laid out for ScreenKernels::find_near.
class ImageList {
 public:
  ImageList(std::size_t n_coordinates, std::size_t capacity);

  void push_back(const Projection::Image& image) { set(size_++, image); }
  void resize(std::size_t size);
  void set(std::size_t number, const Projection::Image& image);
  [[nodiscard]] std::size_t size() const { return size_; }
  // A block of points_per_block images and the squares of their norms, as kernels take them.
  [[nodiscard]] const float* block(std::size_t number) const {
    return blocks_.data() + number * points_per_block * n_coordinates_;
  }
  [[nodiscard]] const float* square_norms(std::size_t block) const {
    return square_norms_.data() + block * points_per_block;
  }

  // Finds the images in [begin, end) within the limit of each query, and possibly some before
  // `begin`.
  void find_near(NearSearch& search, std::size_t begin, std::size_t end) const;

  // The same in at most four neighbouring blocks of 16 images, for images that lie anywhere, with
  // the results of the kernel of this name; `near` and `above` have room for them.
  void find_near_in_blocks(std::span<const float* const> images, std::span<const float> limits,
                           std::size_t first_block, std::size_t n_blocks,
                           std::span<std::uint64_t> near, std::span<float* const> above) const;

 private:
  std::size_t n_coordinates_;
  std::size_t size_ = 0;
  std::vector<float> blocks_;
  std::vector<float> square_norms_;  // infinite where there is no image
};

// With n_samples images.
std::uint64_t image_list_memory(const SelectionSize& size);

}  // namespace thinset
