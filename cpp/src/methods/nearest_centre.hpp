// Finds the nearest of many centres exactly, without measuring most of them.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "bounds/image_list.hpp"
#include "bounds/projection.hpp"
#include "rows/distance.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Squared Euclidean distances from rows to centres that move. Images rule most centres out, then a
// float32 distance; the rest are measured in float64. Images are those of a Projection, or if it
// spares too little, float32 rows and centres as they are.
template <class T>
class NearestCentre {
 public:
  struct Found {
    std::size_t centre;
    double squared_distance;
  };

  // `centres` holds k points of rows.n_columns() values; it must outlive this, and may change
  // between calls to take_in_centres().
  NearestCentre(const DistanceMeter<T>& meter, const std::vector<double>& centres, Job& job);

  [[nodiscard]] std::size_t n_centres() const { return k_; }

  // To be called after the centres have changed, with the job of the next calls to find().
  void take_in_centres(const Job& job);

  // Improves `found` of the rows begin, begin + 1, ... to their nearest centres (ties: the lower
  // one); each must hold some centre. `thread` is that of the parallel_for this is called in.
  void find(std::size_t begin, std::vector<Found>& found, unsigned thread);

 private:
  struct alignas(64) Scratch {
    Point point;
    std::vector<Projection::Image> images;
    NearSearch search;
  };

  void measure_rows(Job& job);
  void find_by_projections(std::size_t begin, std::vector<Found>& found, Scratch& scratch);
  // Returns whether the rows themselves tell centres apart; if not, nothing was done.
  bool find_by_rows(std::size_t begin, std::vector<Found>& found, Scratch& scratch);
  template <class LimitOf>
  void search_images(std::size_t begin, std::vector<Found>& found, Scratch& scratch,
                     const LimitOf& limit_of);
  void look(std::size_t row, std::size_t centre, Found& found) const;

  const DistanceMeter<T>& meter_;
  const RowKernels<T>& kernels_;
  const std::vector<double>& centres_;
  std::size_t n_columns_;
  std::size_t k_;
  std::vector<float> float_centres_;
  double float_error_ = 0.0;  // no float centre is further than this from its centre
  std::optional<Projection> projection_;
  std::optional<ImageList> images_;   // of the centres, if any
  std::vector<double> square_norms_;  // of the rows; empty unless they are images themselves
  double largest_norm_ = 0.0;         // of a row or centre
  std::vector<Scratch> scratch_;
};

// With n_samples centres, after construction.
std::uint64_t nearest_centre_memory(const SelectionSize& size);

}  // namespace thinset
