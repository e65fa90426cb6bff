// The centre that was found nearest to a row.
#pragma once

#include <cstddef>

namespace thinset {

struct FoundCentre {
  std::size_t centre;
  double squared_distance;

  // Whether the other one is nearer, or as near and lower.
  [[nodiscard]] bool is_behind(const FoundCentre& other) const {
    return other.squared_distance < squared_distance ||
           (other.squared_distance == squared_distance && other.centre < centre);
  }
};

}  // namespace thinset
