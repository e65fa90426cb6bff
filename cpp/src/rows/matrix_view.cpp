#include "thinset/matrix_view.hpp"

#include <string>
#include <utility>
#include <vector>

#include "rows/shard_table.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

void check_alike(const AnyMatrix& first, const AnyMatrix& other, std::size_t number) {
  const std::string name = "shard " + std::to_string(number);
  if (other.n_columns != first.n_columns) {
    throw InvalidInput("shards must have one number of columns: " + name + " has " +
                       std::to_string(other.n_columns) + ", shard 0 has " +
                       std::to_string(first.n_columns));
  }
  if (other.element != first.element) {
    throw InvalidInput("shards must have one element type: " + name + " is " +
                       std::string(to_string(other.element)) + ", shard 0 is " +
                       std::string(to_string(first.element)));
  }
}

}  // namespace

AnyMatrix stack(std::span<const AnyMatrix> matrices) {
  if (matrices.empty()) {
    throw InvalidInput("embeddings must have at least one shard, got none");
  }
  AnyMatrix stacked = matrices[0];
  stacked.n_rows = 0;
  stacked.shards = nullptr;
  std::vector<Shard> shards;
  for (std::size_t number = 0; number < matrices.size(); ++number) {
    const AnyMatrix& matrix = matrices[number];
    check_alike(matrices[0], matrix, number);
    stacked.n_rows += matrix.n_rows;
    if (matrix.shards != nullptr) {
      const std::vector<Shard>& inner = matrix.shards->shards();
      shards.insert(shards.end(), inner.begin(), inner.end());
    } else if (matrix.n_rows > 0) {
      shards.push_back({matrix.data, matrix.n_rows, matrix.row_stride});
    }
  }
  if (shards.size() == 1) {
    stacked.data = shards[0].data;
    stacked.row_stride = shards[0].row_stride;
  } else if (shards.size() > 1) {
    stacked.shards = std::make_shared<const ShardTable>(std::move(shards));
  }
  return stacked;
}

}  // namespace thinset
