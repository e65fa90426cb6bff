/// @file
/// The distance between two rows.
#pragma once

#include <string_view>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

enum class Metric {
  euclidean,
  sqeuclidean,
  cosine,  ///< 1 - x.y / (|x| |y|)
};

/// Throws InvalidInput for a name other than euclidean, sqeuclidean, cosine.
Metric metric_from_name(std::string_view name);
std::string_view to_string(Metric metric);

}  // namespace THINSET_API thinset
