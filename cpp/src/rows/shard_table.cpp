#include "rows/shard_table.hpp"

#include <algorithm>
#include <utility>

namespace thinset {

namespace {

constexpr std::size_t stretches_per_shard = 8;

}  // namespace

ShardTable::ShardTable(std::vector<Shard> shards) : shards_(std::move(shards)) {
  std::size_t n_rows = 0;
  for (const Shard& shard : shards_) {
    starts_.push_back(n_rows);
    n_rows += shard.n_rows;
  }
  while (n_rows >> shift_ > stretches_per_shard * shards_.size()) {
    ++shift_;
  }
  std::size_t shard = 0;
  for (std::size_t stretch = 0; stretch << shift_ < n_rows; ++stretch) {
    while (shard + 1 < starts_.size() && starts_[shard + 1] <= stretch << shift_) {
      ++shard;
    }
    first_shard_.push_back(shard);
  }
  first_shard_.push_back(shards_.size() - 1);
}

ShardTable::Place ShardTable::find(std::size_t row) const noexcept {
  const std::size_t stretch = row >> shift_;
  const auto first = starts_.begin() + static_cast<std::ptrdiff_t>(first_shard_[stretch]) + 1;
  const auto last = starts_.begin() + static_cast<std::ptrdiff_t>(first_shard_[stretch + 1]) + 1;
  const auto after = std::upper_bound(first, last, row);
  const auto shard = static_cast<std::size_t>(after - starts_.begin()) - 1;
  return {shards_[shard].data, (row - starts_[shard]) * shards_[shard].row_stride};
}

}  // namespace thinset
