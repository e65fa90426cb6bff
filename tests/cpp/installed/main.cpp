#include <cstdio>
#include <vector>

#include "thinset/error.hpp"
#include "thinset/selection.hpp"
#include "thinset/version.hpp"

int main() {
  const std::vector<float> rows = {0, 0, 1, 0, 0, 3, 9, 9};
  const thinset::AnyMatrix matrix{
      .data = rows.data(), .n_rows = 4, .n_columns = 2, .row_stride = 2};
  thinset::SelectionRequest request{.method = thinset::Method::max_min, .n_samples = 3};
  thinset::Job job(1);
  for (const auto row : thinset::select(matrix, request, job).indices) {
    std::printf("%d ", static_cast<int>(row));
  }
  request.n_samples = 5;  // of four rows
  try {
    thinset::select(matrix, request, job);
  } catch (const thinset::InvalidInput&) {
    std::printf("refused ");
  }
  std::printf("%d\n", thinset::version() == THINSET_VERSION);
}
