// Which of several pieces of memory holds a row.
#pragma once

#include <cstddef>
#include <vector>

namespace thinset {

// Rows that lie a fixed number of elements apart.
struct Shard {
  const void* data = nullptr;
  std::size_t n_rows = 0;
  std::size_t row_stride = 0;
};

class ShardTable {
 public:
  // Rows run through the shards in their order. None may be empty.
  explicit ShardTable(std::vector<Shard> shards);

  struct Place {
    const void* data;    // of the shard
    std::size_t offset;  // of the row's first element
  };
  [[nodiscard]] Place find(std::size_t row) const noexcept;

 private:
  std::vector<Shard> shards_;
  std::vector<std::size_t> starts_;  // the first row of each shard
  // Rows in stretches of 2^shift: the shard that holds the first of each, and the last shard. A
  // stretch seldom spans two shards, so that there is seldom anything to search.
  unsigned shift_ = 0;
  std::vector<std::size_t> first_shard_;
};

}  // namespace thinset
