// Finds the nearest of many centres exactly, without measuring most of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "bounds/image_list.hpp"
#include "bounds/projection.hpp"
#include "methods/centre_bounds.hpp"
#include "methods/found_centre.hpp"
#include "rows/distance.hpp"
#include "simd/tile_kernels.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Squared Euclidean distances from rows to centres that move. Bounds from the previous search rule
// most centres out where centres have settled, images most of the others, then a float32 distance;
// the rest are measured in float64. Images are those of a Projection, or if it spares too little,
// float32 rows and centres as they are.
template <class T>
class NearestCentre {
 public:
  using Found = FoundCentre;

  // `centres` holds k points of rows.n_columns() values; it must outlive this, and may change
  // between calls to take_in_centres().
  NearestCentre(const DistanceMeter<T>& meter, const std::vector<double>& centres, Job& job);

  [[nodiscard]] std::size_t n_centres() const { return k_; }

  // To be called after the centres have changed, with the job of the next calls to find().
  void take_in_centres(const Job& job);

  // Improves `found` of the rows begin, begin + 1, ..., at most rows_at_once, to their nearest
  // centres (ties: the lower one). Each must hold the centre that was found last, or any centre the
  // first time and after forget(). To be called once for every row after take_in_centres().
  // `thread` is that of the parallel_for this is called in.
  void find(std::size_t begin, std::vector<Found>& found, unsigned thread);
  static constexpr std::size_t rows_at_once = 64;

  // To be called for a row that was given another centre.
  void forget(std::size_t row) { bounds_.forget(row); }

 private:
  struct alignas(64) Scratch {
    Point point;
    std::vector<Projection::Image> images;
    std::vector<const float*> queries;         // of the rows
    std::vector<TileRow> tiles;                // the same
    std::vector<float> limits;                 // of the rows, for values of images
    std::vector<float> values;                 // by row and block: CentreBounds::include
    std::vector<std::uint64_t> rows_of_group;  // a bit for each row that must be searched for
    std::vector<std::uint64_t> rows_of_block;  // the same
    // Of the rows that some blocks are searched for.
    std::vector<std::size_t> rows;
    std::vector<const float*> their_queries;
    std::vector<float> their_limits;
    std::vector<float*> their_values;
    std::vector<std::uint64_t> near;  // by row
    std::vector<std::uint64_t> their_near;
  };
  // The rows of one call to find().
  struct Searched {
    std::size_t begin;
    std::vector<Found>& found;
    Scratch& scratch;
    bool uses_images;
    bool uses_tiles;
  };

  void measure_rows(Job& job);
  void take_in_centre(std::size_t c, Projection::Image& image, Point& point);
  [[nodiscard]] std::uint64_t find_groups(std::size_t begin, const std::vector<Found>& found,
                                          Scratch& scratch);
  [[nodiscard]] bool rows_tell_apart(std::size_t begin, const std::vector<Found>& found,
                                     double error) const;
  void prepare_queries(const Searched& searched, std::uint64_t rows);
  void search_all(const Searched& searched, std::uint64_t rows);
  void search_stretch(const Searched& searched, std::size_t first_block);
  void search_blocks(const Searched& searched, std::uint64_t rows, std::size_t first_block,
                     std::size_t n_blocks);
  // Of images in some blocks within the limits of the rows; fills scratch.near.
  void find_images(const Searched& searched, std::uint64_t rows, std::size_t first_block,
                   std::size_t n_blocks);
  void take_in_tiles();
  void keep_bounds(const Searched& searched, std::uint64_t rows);
  [[nodiscard]] float limit(const Searched& searched, std::size_t i) const;
  [[nodiscard]] std::optional<RootBound> root_bound(const Searched& searched, std::size_t i) const;
  [[nodiscard]] double error_of_values(const Searched& searched, double squares, double norm) const;
  void look(std::size_t row, std::size_t centre, Found& found);

  const DistanceMeter<T>& meter_;
  const RowKernels<T>& kernels_;
  const std::vector<double>& centres_;
  std::size_t n_columns_;
  std::size_t k_;
  std::size_t n_blocks_;
  std::size_t n_values_;     // of a row; a whole number of registers
  std::size_t n_moves_ = 0;  // calls to take_in_centres()
  std::vector<float> float_centres_;
  double float_error_ = 0.0;  // no float centre is further than this from its centre
  CentreBounds bounds_;
  std::optional<Projection> projection_;
  std::optional<ImageList> images_;        // of the centres, if any
  std::vector<double> square_norms_;       // of the rows; empty unless they are images themselves
  const TileKernels* tiles_ = nullptr;     // if images are looked for with them
  std::vector<TileRow> tiles_of_centres_;  // by block of images_
  double largest_norm_ = 0.0;              // of the image of a row, if it has one, or of a centre
  std::vector<Scratch> scratch_;
};

// With n_samples centres, after construction.
std::uint64_t nearest_centre_memory(const SelectionSize& size);

}  // namespace thinset
