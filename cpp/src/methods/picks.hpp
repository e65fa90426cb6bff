// What a selection method hands back: positions in its view, in selection order.
#pragma once

#include <cstddef>
#include <vector>

namespace thinset {

struct Picks {
  std::vector<std::size_t> rows;
  std::vector<double> gains;
  // By how much each exchange of a later search raised the objective.
  std::vector<double> swaps = {};
};

}  // namespace thinset
