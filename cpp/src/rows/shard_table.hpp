// Maps rows to shards.
#pragma once

#include <cstddef>
#include <vector>

namespace thinset {

// Rows at a fixed stride, in elements.
struct Shard {
  const void* data = nullptr;
  std::size_t n_rows = 0;
  std::size_t row_stride = 0;
};

class ShardTable {
 public:
  // Rows are numbered through the shards in order. No shard may be empty.
  explicit ShardTable(std::vector<Shard> shards);

  struct Place {
    const void* data;    // of the shard
    std::size_t offset;  // of the row's first element
  };
  [[nodiscard]] Place find(std::size_t row) const noexcept;
  [[nodiscard]] const std::vector<Shard>& shards() const noexcept { return shards_; }

 private:
  std::vector<Shard> shards_;
  std::vector<std::size_t> starts_;  // the first row of each shard
  // Rows in stretches of 2^shift: the shard that holds the first of each, and the last shard. A
  // stretch seldom spans two shards, so a search is seldom needed.
  unsigned shift_ = 0;
  std::vector<std::size_t> first_shard_;
};

}  // namespace thinset
