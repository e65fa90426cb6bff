// The result of a selection method: positions in its view, in selection order.
#pragma once

#include <cstddef>
#include <vector>

namespace thinset {

struct Picks {
  std::vector<std::size_t> rows;
  std::vector<double> gains;
  // The improvement of the objective by each exchange of a later search.
  std::vector<double> swaps = {};
};

}  // namespace thinset
