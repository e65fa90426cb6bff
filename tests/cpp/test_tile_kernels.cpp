// The kernels for a matrix unit, where the processor has one.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "check.hpp"
#include "sample_data.hpp"
#include "simd/tile_kernels.hpp"
#include "thinset/instruction_set.hpp"

using namespace thinset;

namespace {

constexpr std::size_t n_queries = most_tile_groups * tile_rows;

std::size_t rows_of_tiles(std::size_t n) {
  return (n + tile_coordinates - 1) / tile_coordinates * 2 * tile_rows;
}

double dot(const float* x, const float* y, std::size_t n) {
  double sum = 0.0;
  for (std::size_t j = 0; j < n; ++j) sum += static_cast<double>(x[j]) * static_cast<double>(y[j]);
  return sum;
}

// 64 queries and some blocks of points, in tiles.
struct Search {
  std::size_t n, n_blocks;
  sample::Matrix queries, points;
  std::vector<TileRow> query_tiles, point_tiles;
  std::vector<float> square_norms;

  Search(const TileKernels& kernels, std::size_t n_coordinates, std::size_t blocks, float scale)
      : n(n_coordinates),
        n_blocks(blocks),
        queries(sample::uniform(n_queries, n, 1)),
        points(sample::uniform(blocks * tile_rows, n, 2)),
        query_tiles(most_tile_groups * rows_of_tiles(n)),
        point_tiles(blocks * rows_of_tiles(n)),
        square_norms(blocks * tile_rows) {
    for (float& value : queries.values) value *= scale;
    for (float& value : points.values) value *= scale;
    // Queries are somewhere else, and nothing that follows a query or a block may be read.
    for (std::size_t group = 0; group < most_tile_groups; ++group) {
      std::vector<std::vector<float>> copies;
      std::vector<const float*> theirs;
      for (std::size_t q = group * tile_rows; q < (group + 1) * tile_rows; ++q) {
        copies.emplace_back(queries.values.begin() + q * n, queries.values.begin() + (q + 1) * n);
        theirs.push_back(copies.back().data());
      }
      kernels.split_queries(theirs.data(), tile_rows, n,
                            query_tiles.data() + group * rows_of_tiles(n));
    }
    for (std::size_t b = 0; b < blocks; ++b) {
      std::vector<float> block(n * tile_rows);
      for (std::size_t p = 0; p < tile_rows; ++p) {
        for (std::size_t j = 0; j < n; ++j) block[j * tile_rows + p] = point(b, p)[j];
        square_norms[b * tile_rows + p] = static_cast<float>(dot(point(b, p), point(b, p), n));
      }
      kernels.split_points(block.data(), n, point_tiles.data() + b * rows_of_tiles(n));
    }
  }

  [[nodiscard]] const float* query(std::size_t q) const { return queries.values.data() + q * n; }
  [[nodiscard]] const float* point(std::size_t block, std::size_t p) const {
    return points.values.data() + (block * tile_rows + p) * n;
  }
  [[nodiscard]] double value(std::size_t q, std::size_t block, std::size_t p) const {
    return dot(point(block, p), point(block, p), n) - 2.0 * dot(point(block, p), query(q), n);
  }
  [[nodiscard]] double error(std::size_t q, std::size_t block, std::size_t p) const {
    const double squares = dot(point(block, p), point(block, p), n) + dot(query(q), query(q), n);
    const auto d = static_cast<double>(n);
    return (d / 8.0 + 820.0) * 0x1p-24 * squares + d * 0x1p-122 * (1.0 + 2.0 * std::sqrt(squares));
  }
};

void check_search(const TileKernels& kernels, const Search& search, std::uint64_t wanted) {
  constexpr std::size_t stride = 7;
  std::vector<float> limits;
  for (std::size_t q = 0; q < n_queries; ++q) {  // the value of one of the points, or none
    limits.push_back(q % 3 == 0 ? -std::numeric_limits<float>::infinity()
                                : static_cast<float>(search.value(q, 0, q % tile_rows)));
  }
  std::vector<std::uint64_t> near(n_queries, 12345);
  std::vector<float> above(n_queries * stride, -1.0F);
  kernels.find_near_in_blocks(search.query_tiles.data(), limits.data(), wanted,
                              search.point_tiles.data(), search.square_norms.data(),
                              search.n_blocks, search.n, near.data(), above.data(), stride);
  for (std::size_t q = 0; q < n_queries; ++q) {
    if ((wanted >> q & 1U) == 0) {
      CHECK(near[q] == 12345);
    }
    for (std::size_t b = 0; b < stride; ++b) {
      const float found = above[q * stride + b];
      if ((wanted >> q & 1U) == 0 || b >= search.n_blocks) {
        CHECK(found == -1.0F);
        continue;
      }
      double least = std::numeric_limits<double>::infinity();
      double most = least;
      for (std::size_t p = 0; p < tile_rows; ++p) {
        const bool is_near = (near[q] >> (b * tile_rows + p) & 1U) != 0;
        const double value = search.value(q, b, p);
        const double error = search.error(q, b, p);
        CHECK(is_near || value + error > limits[q]);
        CHECK(!is_near || value - error <= limits[q]);
        if (!is_near) {
          least = std::min(least, value - error);
          most = std::min(most, value + error);
        }
      }
      CHECK(found >= least && found <= most);
    }
    CHECK((wanted >> q & 1U) == 0 || search.n_blocks == most_tile_groups ||
          near[q] >> (search.n_blocks * tile_rows) == 0);
  }
}

}  // namespace

TEST(values_are_within_their_error_for_every_number_of_coordinates_blocks_and_queries) {
  const TileKernels* kernels = tile_kernels();
  if (kernels == nullptr) return;
  for (const std::size_t n : {1U, 2U, 15U, 16U, 17U, 31U, 32U, 33U, 64U, 100U, 216U, 1000U}) {
    for (std::size_t n_blocks = 1; n_blocks <= most_tile_groups; ++n_blocks) {
      const Search search(*kernels, n, n_blocks, 1.0F);
      for (const std::uint64_t wanted :
           {~std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x8000000000000001},
            std::uint64_t{0xff00}, std::uint64_t{0x0000f0f100020000}}) {
        check_search(*kernels, search, wanted);
      }
    }
  }
}

TEST(values_of_tiny_and_huge_numbers_are_within_their_error) {
  const TileKernels* kernels = tile_kernels();
  if (kernels == nullptr) return;
  for (const float scale : {1e-44F, 1e-38F, 1e-30F, 1e-19F, 1e10F, 1e15F}) {
    check_search(*kernels, Search(*kernels, 70, 3, scale), ~std::uint64_t{0});
  }
}

TEST(queries_of_null_pointers_keep_their_tiles) {
  const TileKernels* kernels = tile_kernels();
  if (kernels == nullptr) return;
  std::vector<TileRow> tiles(rows_of_tiles(40));
  for (TileRow& row : tiles) std::ranges::fill(row.values, std::uint16_t{7});
  const std::vector<float> query(40, 1.0F);
  std::vector<const float*> queries(tile_rows, nullptr);
  queries[3] = query.data();
  kernels->split_queries(queries.data(), tile_rows, 40, tiles.data());
  for (std::size_t row = 0; row < tiles.size(); ++row) {
    const bool is_as_before =
        std::ranges::all_of(tiles[row].values, [](std::uint16_t value) { return value == 7; });
    CHECK(is_as_before == (row % tile_rows != 3));
  }
}

TEST(only_the_widest_instruction_set_uses_the_unit) {
  for (const InstructionSet set : available_instruction_sets()) {
    use_instruction_set(set);
    CHECK(set == InstructionSet::avx512 || tile_kernels() == nullptr);
  }
}

TEST_MAIN
