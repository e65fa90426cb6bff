#include "bounds/image_list.hpp"

#include <limits>

namespace thinset {

namespace {

std::size_t whole_groups(std::size_t n_points) {
  return (n_points + points_per_group - 1) / points_per_group * points_per_group;
}

}  // namespace

ImageList::ImageList(std::size_t n_coordinates, std::size_t capacity)
    : n_coordinates_(n_coordinates) {
  blocks_.reserve(whole_groups(capacity) * n_coordinates);
  square_norms_.reserve(whole_groups(capacity));
}

void ImageList::resize(std::size_t size) {
  size_ = size;
  blocks_.resize(whole_groups(size) * n_coordinates_, 0.0F);
  square_norms_.resize(whole_groups(size), std::numeric_limits<float>::infinity());
}

void ImageList::set(std::size_t number, const Projection::Image& image) {
  if (number >= square_norms_.size()) {
    resize(number + 1);
  }
  float* lane = blocks_.data() + number / points_per_block * points_per_block * n_coordinates_ +
                number % points_per_block;
  for (std::size_t j = 0; j < n_coordinates_; ++j) {
    lane[j * points_per_block] = image.coordinates[j];
  }
  square_norms_[number] = static_cast<float>(image.square_norm);
}

void ImageList::find_near(NearSearch& search, std::size_t begin, std::size_t end) const {
  search.first_group_ = begin / points_per_group;
  search.n_groups_ = whole_groups(end) / points_per_group - search.first_group_;
  search.end_ = end;
  search.near_.resize(search.size() * search.n_groups_);
  const std::size_t first = search.first_group_ * points_per_group;
  screen_kernels().find_near(search.coordinates_.data(), search.limits_.data(), search.size(),
                             blocks_.data() + first * n_coordinates_, square_norms_.data() + first,
                             search.n_groups_, n_coordinates_, search.near_.data());
}

void ImageList::find_near_in_blocks(std::span<const float* const> images,
                                    std::span<const float> limits, std::size_t first_block,
                                    std::size_t n_blocks, std::span<std::uint64_t> near,
                                    std::span<float* const> above) const {
  screen_kernels().find_near_in_blocks(images.data(), limits.data(), images.size(),
                                       block(first_block), square_norms(first_block), n_blocks,
                                       n_coordinates_, near.data(), above.data());
}

std::uint64_t image_list_memory(const SelectionSize& size) {
  return whole_groups(size.n_samples) * (image_memory(size) + sizeof(float));
}

}  // namespace thinset
