/// @file
/// The memory and time that a selection will take, predicted from shapes.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "thinset/api.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/memory_need.hpp"
#include "thinset/metric.hpp"
#include "thinset/selection.hpp"

namespace THINSET_API thinset {

/// The memory of select() with these embeddings, of which only the shape and the element type are
/// read. The request must be one that check_request() accepts.
MemoryNeed predicted_memory(const AnyMatrix& embeddings, const SelectionRequest& request,
                            unsigned n_threads);

/// Rough, because the number of distances that a greedy method can skip depends on the values. Low
/// is for values that allow most to be skipped, high for values that allow none; the middle was
/// fitted to one synthetic set of correlated rows.
struct Seconds {
  double low = 0.0;
  double middle = 0.0;
  double high = 0.0;
};

/// Counted operations times the cost of each on this machine, which is measured first, for some
/// milliseconds. The embeddings are assumed to be in memory. n_threads = 0 uses all processors.
Seconds predicted_seconds(const AnyMatrix& embeddings, const SelectionRequest& request,
                          unsigned n_threads);

/// One of the functions of objective.hpp and certificates.hpp, by name.
struct FigureSeconds {
  std::string_view name;
  Seconds seconds;
};

/// The time of each of these functions for a subset of n_samples rows, predicted in the same way.
std::vector<FigureSeconds> predicted_figure_seconds(const AnyMatrix& embeddings,
                                                    std::size_t n_samples, Metric metric,
                                                    unsigned n_threads);

}  // namespace THINSET_API thinset
