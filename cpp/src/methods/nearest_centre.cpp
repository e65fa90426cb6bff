#include "methods/nearest_centre.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>

#include "bounds/rounding.hpp"

namespace thinset {

namespace {

constexpr std::size_t blocks_per_stretch = points_per_group / points_per_block;
constexpr std::size_t centres_worth_images = 12;
constexpr std::size_t centres_worth_projecting = 64;
// Images with fewer coordinates cost next to nothing.
constexpr std::size_t columns_worth_sparing = 16;
constexpr std::size_t columns_worth_tiles = 24;
// A group of 16 rows takes as long as so many rows without tiles.
constexpr int rows_worth_tiles = 4;
static_assert(tile_rows == points_per_block);
constexpr double float_epsilon = 0x1p-24;
// Squares of larger norms could overflow in float32.
constexpr double most_in_float = 1e15;
// With a larger error of squares, relative to the distances, rows are no good as images.
constexpr double largest_error = 0.01;
constexpr float infinity = std::numeric_limits<float>::infinity();

template <class Body>
void for_each_bit(std::uint64_t bits, const Body& body) {
  for (; bits != 0; bits &= bits - 1) {
    body(static_cast<std::size_t>(std::countr_zero(bits)));
  }
}

// Of a value of the images of rows as they are, to the squares of both norms: by the kernels of
// screen_kernels.hpp, and by any, those of tile_kernels.hpp included.
double relative_error(std::size_t n_columns) {
  return static_cast<double>(n_columns + 16) * float_epsilon;
}
double error_of_tiles(std::size_t n_columns) {
  return std::max((static_cast<double>(n_columns) / 8.0 + 820.0) * float_epsilon,
                  relative_error(n_columns));
}

bool are_worth_tiles(std::uint64_t rows) {
  int n_groups = 0;
  for (std::uint64_t left = rows; left != 0; left >>= tile_rows) {
    n_groups += static_cast<int>((left & 0xffffU) != 0);
  }
  return std::popcount(rows) >= rows_worth_tiles * n_groups;
}

// Of a block of images, or of as many rows.
std::size_t rows_of_tiles(std::size_t n_columns) {
  return (n_columns + tile_coordinates - 1) / tile_coordinates * 2 * tile_rows;
}

}  // namespace

template <class T>
NearestCentre<T>::NearestCentre(const DistanceMeter<T>& meter, const std::vector<double>& centres,
                                Job& job)
    : meter_(meter),
      kernels_(row_kernels<T>()),
      centres_(centres),
      n_columns_(meter.n_columns()),
      k_(centres.size() / meter.n_columns()),
      n_blocks_((k_ + points_per_block - 1) / points_per_block),
      n_values_((n_blocks_ + points_per_block - 1) / points_per_block * points_per_block),
      float_centres_(centres.size()),
      bounds_(SelectionSize{meter.rows().size(), n_columns_, k_, sizeof(T)}) {
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
      tiles_ = n_columns_ >= columns_worth_tiles ? tile_kernels() : nullptr;
    }
  }
  if (tiles_ != nullptr) {
    tiles_of_centres_.resize(n_blocks_ * rows_of_tiles(n_columns_));
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
  const double last_error = float_error_;
  float_error_ = 0.0;
  largest_norm_ = square_norms_.empty() ? 0.0 : std::sqrt(std::ranges::max(square_norms_));
  std::vector<double> drifts(k_);
  Point point;
  Projection::Image image;
  for (std::size_t c = 0; c < k_; ++c) {
    double moved = 0.0;
    double square = 0.0;
    for (std::size_t j = c * n_columns_; j < (c + 1) * n_columns_; ++j) {
      const double movement = centres_[j] - static_cast<double>(float_centres_[j]);
      moved += movement * movement;
      float_centres_[j] = static_cast<float>(centres_[j]);
      const double error = centres_[j] - static_cast<double>(float_centres_[j]);
      square += error * error;
    }
    drifts[c] = std::sqrt(moved) * (1.0 + 1e-9) + last_error;
    float_error_ = std::max(float_error_, std::sqrt(square) * (1.0 + 1e-9));
    if (images_) {
      take_in_centre(c, image, point);
    }
  }
  take_in_tiles();
  if (n_moves_++ > 0) {
    bounds_.move(drifts);
  }
}

template <class T>
void NearestCentre<T>::take_in_tiles() {
  for (std::size_t block = 0; tiles_ != nullptr && block < n_blocks_; ++block) {
    tiles_->split_points(images_->block(block), n_columns_,
                         tiles_of_centres_.data() + block * rows_of_tiles(n_columns_));
  }
}

template <class T>
void NearestCentre<T>::take_in_centre(std::size_t c, Projection::Image& image, Point& point) {
  if (projection_) {
    const double* centre = centres_.data() + c * n_columns_;
    point.values.assign(centre, centre + n_columns_);
    projection_->project(point, image);
  } else {
    const float* centre = float_centres_.data() + c * n_columns_;
    image.coordinates.assign(centre, centre + n_columns_);
    image.square_norm = 0.0;
    for (const float value : image.coordinates) {
      image.square_norm += static_cast<double>(value) * static_cast<double>(value);
    }
  }
  largest_norm_ = std::max(largest_norm_, std::sqrt(image.square_norm));
  images_->set(c, image);
}

template <class T>
void NearestCentre<T>::find(std::size_t begin, std::vector<Found>& found, unsigned thread) {
  Scratch& scratch = scratch_[thread];
  const std::uint64_t rows = find_groups(begin, found, scratch);
  if (rows == 0) {
    return;
  }
  const bool are_images = images_ && !projection_;
  const bool uses_tiles =
      tiles_ != nullptr && rows_tell_apart(begin, found, error_of_tiles(n_columns_));
  const Searched searched{
      begin, found, scratch,
      projection_ ||
          (are_images && (uses_tiles || rows_tell_apart(begin, found, relative_error(n_columns_)))),
      uses_tiles};
  if (searched.uses_images) {
    prepare_queries(searched, rows);
  }
  if (searched.uses_images && n_moves_ == 1) {
    search_all(searched, rows);
  } else {
    for (std::size_t block = 0; block < n_blocks_; block += blocks_per_stretch) {
      search_stretch(searched, block);
    }
  }
  if (searched.uses_images) {
    keep_bounds(searched, rows);
  }
}

// Fills scratch.rows_of_group, and returns the rows in any of them.
template <class T>
std::uint64_t NearestCentre<T>::find_groups(std::size_t begin, const std::vector<Found>& found,
                                            Scratch& scratch) {
  std::uint64_t rows = 0;
  scratch.rows_of_group.assign(bounds_.n_groups(), 0);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    const std::uint64_t groups = bounds_.near(begin + i, std::sqrt(found[i].squared_distance));
    rows |= groups != 0 ? bit : 0;
    for_each_bit(groups, [&](std::size_t g) {
      scratch.rows_of_group[g] |= bit;
      bounds_.start(begin + i, g);
    });
  }
  return rows;
}

// Rows as they are do, unless their mean is far from zero.
template <class T>
bool NearestCentre<T>::rows_tell_apart(std::size_t begin, const std::vector<Found>& found,
                                       double error) const {
  if (!(largest_norm_ <= most_in_float)) {
    return false;
  }
  double errors = 0.0;
  double distances = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    errors += error * square_norms_[begin + i];
    distances += found[i].squared_distance;
  }
  return errors <= largest_error * distances;
}

template <class T>
void NearestCentre<T>::prepare_queries(const Searched& searched, std::uint64_t rows) {
  Scratch& scratch = searched.scratch;
  const std::size_t n_rows = searched.found.size();
  scratch.images.resize(n_rows);
  scratch.queries.assign(n_rows, nullptr);
  scratch.limits.resize(n_rows);
  scratch.values.resize(n_rows * n_values_);
  for_each_bit(rows, [&](std::size_t i) {
    const std::size_t row = searched.begin + i;
    if (projection_) {
      meter_.read(row, scratch.point);
      projection_->project(scratch.point, scratch.images[i]);
      scratch.queries[i] = scratch.images[i].coordinates.data();
    } else if constexpr (std::is_same_v<T, float>) {
      scratch.queries[i] = meter_.rows().row(row);
    }
    scratch.limits[i] = limit(searched, i);
    std::fill_n(scratch.values.data() + i * n_values_, n_values_, infinity);
  });
  if (searched.uses_tiles) {
    const std::size_t size = rows_of_tiles(n_columns_);
    scratch.tiles.resize(most_tile_groups * size);
    for (std::size_t first = 0; first < n_rows; first += tile_rows) {
      tiles_->split_queries(scratch.queries.data() + first, std::min(tile_rows, n_rows - first),
                            n_columns_, scratch.tiles.data() + first / tile_rows * size);
    }
  }
}

// For rows of which the centres they hold say little: looks at the one with the nearest image
// first.
template <class T>
void NearestCentre<T>::search_all(const Searched& searched, std::uint64_t rows) {
  Scratch& scratch = searched.scratch;
  std::ranges::fill(scratch.limits, -infinity);
  for (std::size_t block = 0; block < n_blocks_; block += blocks_per_stretch) {
    search_blocks(searched, rows, block, std::min(blocks_per_stretch, n_blocks_ - block));
  }
  const auto search = [&] {
    for (std::size_t block = 0; block < n_blocks_; ++block) {
      search_blocks(searched, scratch.rows_of_block[block], block, 1);
    }
  };
  scratch.rows_of_block.assign(n_blocks_, 0);
  for_each_bit(rows, [&](std::size_t i) {
    const float* const values = scratch.values.data() + i * n_values_;
    const float* const nearest = std::min_element(values, values + n_blocks_);
    scratch.limits[i] = *nearest;
    scratch.rows_of_block[static_cast<std::size_t>(nearest - values)] |= std::uint64_t{1} << i;
  });
  search();
  scratch.rows_of_block.assign(n_blocks_, 0);
  for_each_bit(rows, [&](std::size_t i) {
    const float* const values = scratch.values.data() + i * n_values_;
    scratch.limits[i] = limit(searched, i);
    for (std::size_t block = 0; block < n_blocks_; ++block) {
      scratch.rows_of_block[block] |= std::uint64_t{values[block] <= scratch.limits[i]} << i;
    }
  });
  search();
}

template <class T>
void NearestCentre<T>::search_stretch(const Searched& searched, std::size_t first_block) {
  const std::size_t n_blocks = std::min(blocks_per_stretch, n_blocks_ - first_block);
  std::array<std::uint64_t, blocks_per_stretch> rows{};
  for (std::size_t b = 0; b < n_blocks; ++b) {
    rows[b] = searched.scratch.rows_of_group[bounds_.group_of_block(first_block + b)];
  }
  // Rows that need most blocks are searched for in all.
  std::uint64_t most =
      (rows[0] & rows[1] & (rows[2] | rows[3])) | (rows[2] & rows[3] & (rows[0] | rows[1]));
  if (n_blocks < blocks_per_stretch) {
    most =
        std::accumulate(rows.begin(), rows.begin() + n_blocks, ~std::uint64_t{0}, std::bit_and<>());
  }
  search_blocks(searched, most, first_block, n_blocks);
  for (std::size_t b = 0; b < n_blocks; ++b) {
    search_blocks(searched, rows[b] & ~most, first_block + b, 1);
  }
}

template <class T>
void NearestCentre<T>::search_blocks(const Searched& searched, std::uint64_t rows,
                                     std::size_t first_block, std::size_t n_blocks) {
  if (rows == 0) {
    return;
  }
  Scratch& scratch = searched.scratch;
  if (searched.uses_images) {
    find_images(searched, rows, first_block, n_blocks);
  } else {
    scratch.near.assign(rows_at_once, ~std::uint64_t{0});
  }
  const std::size_t first = first_block * points_per_block;
  const std::size_t n_centres = std::min(n_blocks * points_per_block, k_ - first);
  const std::uint64_t centres = ~std::uint64_t{0} >> (points_per_group - n_centres);
  for_each_bit(rows, [&](std::size_t i) {
    const double before = searched.found[i].squared_distance;
    for_each_bit(scratch.near[i] & centres,
                 [&](std::size_t c) { look(searched.begin + i, first + c, searched.found[i]); });
    if (searched.uses_images && searched.found[i].squared_distance < before) {
      scratch.limits[i] = limit(searched, i);
    }
  });
}

template <class T>
void NearestCentre<T>::find_images(const Searched& searched, std::uint64_t rows,
                                   std::size_t first_block, std::size_t n_blocks) {
  Scratch& scratch = searched.scratch;
  scratch.near.resize(rows_at_once);
  if (searched.uses_tiles && are_worth_tiles(rows)) {
    tiles_->find_near_in_blocks(scratch.tiles.data(), scratch.limits.data(), rows,
                                tiles_of_centres_.data() + first_block * rows_of_tiles(n_columns_),
                                images_->square_norms(first_block), n_blocks, n_columns_,
                                scratch.near.data(), scratch.values.data() + first_block,
                                n_values_);
    return;
  }
  scratch.rows.clear();
  for_each_bit(rows, [&](std::size_t i) { scratch.rows.push_back(i); });
  const std::size_t n = scratch.rows.size();
  scratch.their_queries.resize(n);
  scratch.their_limits.resize(n);
  scratch.their_values.resize(n);
  scratch.their_near.resize(n);
  for (std::size_t q = 0; q < n; ++q) {
    const std::size_t i = scratch.rows[q];
    scratch.their_queries[q] = scratch.queries[i];
    scratch.their_limits[q] = scratch.limits[i];
    scratch.their_values[q] = scratch.values.data() + i * n_values_ + first_block;
  }
  images_->find_near_in_blocks(scratch.their_queries, scratch.their_limits, first_block, n_blocks,
                               scratch.their_near, scratch.their_values);
  for (std::size_t q = 0; q < n; ++q) {
    scratch.near[scratch.rows[q]] = scratch.their_near[q];
  }
}

template <class T>
void NearestCentre<T>::keep_bounds(const Searched& searched, std::uint64_t rows) {
  const Scratch& scratch = searched.scratch;
  for_each_bit(rows, [&](std::size_t i) {
    const std::optional<RootBound> bound = root_bound(searched, i);
    if (bound) {
      const std::span<const float> values(scratch.values);
      bounds_.include(searched.begin + i, values.subspan(i * n_values_, n_blocks_), *bound);
    } else {
      bounds_.forget(searched.begin + i);
    }
  });
}

// No centre of an image with a larger value than this is nearer than the one found.
template <class T>
float NearestCentre<T>::limit(const Searched& searched, std::size_t i) const {
  const double squared_distance = searched.found[i].squared_distance;
  if (projection_) {
    return projection_->limit(searched.scratch.images[i], squared_distance);
  }
  // |x - c|^2 = |x|^2 + |c|^2 - 2 x.c, of which the kernel computes the last two terms.
  const double square_norm = square_norms_[searched.begin + i];
  const double reach = std::sqrt(squared_distance) + float_error_;
  const double norm = std::sqrt(square_norm) + reach;
  return float_above(reach * reach * (1.0 + float_epsilon) - square_norm +
                     error_of_values(searched, 2.0 * norm * norm, norm));
}

template <class T>
std::optional<RootBound> NearestCentre<T>::root_bound(const Searched& searched,
                                                      std::size_t i) const {
  if (projection_) {
    return projection_->root_bound(searched.scratch.images[i], largest_norm_);
  }
  const double square_norm = square_norms_[searched.begin + i];
  const double error =
      error_of_values(searched, square_norm + largest_norm_ * largest_norm_, largest_norm_);
  return RootBound::of(square_norm - error, 1.0, float_error_);
}

// Of rows as images: `squares` is the sum of both squared norms, and no norm is above `norm`.
template <class T>
double NearestCentre<T>::error_of_values(const Searched& searched, double squares,
                                         double norm) const {
  // Both cover what underflows.
  return searched.uses_tiles ? error_of_tiles(n_columns_) * squares +
                                   static_cast<double>(n_columns_) * 0x1p-121 * (1.0 + norm)
                             : relative_error(n_columns_) * squares + 1e-37;
}

// Remembers how far the centre is that is not the nearest.
template <class T>
void NearestCentre<T>::look(std::size_t row, std::size_t centre, Found& found) {
  if (centre == found.centre) {
    return;
  }
  const T* values = meter_.rows().row(row);
  const std::size_t at = centre * n_columns_;
  const float rough =
      kernels_.rough_squared_distance(values, float_centres_.data() + at, n_columns_);
  const double reach = std::sqrt(found.squared_distance) + float_error_;
  if (meter_.is_surely_above(rough, reach * reach)) {
    bounds_.include(row, bounds_.group_of_centre(centre),
                    std::sqrt(meter_.least_rank(rough)) - float_error_);
    return;
  }
  const double squared = kernels_.squared_distance(values, centres_.data() + at, n_columns_);
  Found further{centre, squared};
  if (found.is_behind(further)) {
    std::swap(further, found);
  }
  bounds_.include(row, bounds_.group_of_centre(further.centre),
                  std::sqrt(further.squared_distance));
}

std::uint64_t nearest_centre_memory(const SelectionSize& size) {
  const bool has_images = size.n_samples >= centres_worth_images;
  const bool has_tiles =
      has_images && size.n_columns >= columns_worth_tiles && tile_kernels() != nullptr;
  const std::uint64_t groups = (size.n_samples + tile_rows - 1) / tile_rows +
                               std::uint64_t{size.n_threads} * most_tile_groups;
  const std::uint64_t floats =
      size.n_samples * size.n_columns * sizeof(float) +
      (has_tiles ? groups * rows_of_tiles(size.n_columns) * sizeof(TileRow) : 0);
  return floats + CentreBounds::memory(size) +
         (has_images ? image_list_memory(size) + size.n_rows * sizeof(double) : 0);
}

template class NearestCentre<float>;
template class NearestCentre<double>;
template class NearestCentre<Float16>;
template class NearestCentre<BFloat16>;

}  // namespace thinset
