// Finds the nearest of many centres exactly for rows of few columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bounds/image_list.hpp"
#include "methods/found_centre.hpp"
#include "rows/distance.hpp"
#include "rows/selection_size.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Only centres within twice the distance of a row from its own centre can be nearer to it (Elkan,
// "Using the triangle inequality to accelerate k-means", ICML 2003). In few dimensions, these are
// few. All are measured from all rows of a cluster in float32, relative to its own centre, so that
// errors are small wherever it lies. The nearest is measured again in float64, and so are others
// that might be as near. Distances are squared.
template <class T>
class NearbyCentres {
 public:
  // Whether this is faster than NearestCentre, for n_samples centres.
  static bool is_for(const SelectionSize& size);

  // `centres` holds k points of rows.n_columns() values, and must outlive this.
  NearbyCentres(const DistanceMeter<T>& meter, const std::vector<double>& centres, const Job& job);

  // Improves `found` of at most rows_at_once rows to their nearest centres (ties: the lower one).
  // All must hold the same centre; it may be any. `thread` is that of the parallel_for this is
  // called in.
  void find(std::span<const std::size_t> rows, std::span<FoundCentre> found, unsigned thread);
  static constexpr std::size_t rows_at_once = points_per_group;

 private:
  static constexpr std::size_t most_columns = 4096;

  // The centres around one.
  struct Surroundings {
    std::size_t centre;
    double squared_reach;
    std::vector<std::size_t> centres;
    std::vector<float> points;  // relative to the one: ScreenKernels::find_nearest_two
  };
  struct alignas(64) Scratch {
    std::optional<Surroundings> around;
    std::vector<double> wide;
    std::vector<float> columns;
    std::vector<std::uint32_t> nearest;
    std::vector<float> second;
    std::vector<std::size_t> unsure;  // places in the rows of one call to find()
    NearSearch search;
    Projection::Image image;
  };

  [[nodiscard]] bool can_hold(double squared_distance) const;
  void look_around(std::size_t centre, double squared_reach, Scratch& scratch) const;
  void measure(std::span<const std::size_t> rows, std::size_t centre, Scratch& scratch) const;
  [[nodiscard]] float limit_of_second(const FoundCentre& found, double square) const;
  void settle(std::span<const std::size_t> rows, std::span<FoundCentre> found,
              Scratch& scratch) const;
  void set_image(const double* values, Projection::Image& image) const;
  [[nodiscard]] float limit(const Projection::Image& image, double reach) const;
  void look(std::size_t row, std::size_t centre, FoundCentre& found) const;

  const DistanceMeter<T>& meter_;
  const RowKernels<T>& kernels_;
  const std::vector<double>& centres_;
  std::size_t n_columns_;
  std::size_t k_;
  std::vector<double> origin_;  // the mean of the centres
  ImageList images_;            // of the centres, relative to the origin
  double largest_norm_ = 0.0;   // of the images
  std::vector<Scratch> scratch_;
};

// With n_samples centres, after construction.
std::uint64_t nearby_centres_memory(const SelectionSize& size);

}  // namespace thinset
