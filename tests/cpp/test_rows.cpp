#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "check.hpp"
#include "files/row_pieces.hpp"
#include "rows/best_row.hpp"
#include "rows/block_sum.hpp"
#include "rows/column_summary.hpp"
#include "rows/distance.hpp"
#include "rows/distance_sums.hpp"
#include "rows/magnitudes.hpp"
#include "rows/selection_size.hpp"
#include "rows/shard_table.hpp"
#include "sample_data.hpp"
#include "thinset/error.hpp"

using namespace thinset;

TEST(the_best_row_does_not_depend_on_the_order_of_offers) {
  BestRow forwards;
  BestRow backwards;
  const std::vector<double> values = {1.0, 3.0, 2.0, 3.0, -5.0};
  for (std::size_t i = 0; i < values.size(); ++i) {
    forwards.offer(values[i], i);
    backwards.offer(values[values.size() - 1 - i], values.size() - 1 - i);
  }
  CHECK(forwards.row == 1 && backwards.row == 1 && forwards.value == 3.0);
  Bar bar;
  CHECK(bar.value() == -std::numeric_limits<double>::infinity());
  bar.raise_to(2.0);
  bar.raise_to(1.0);
  CHECK(bar.value() == 2.0);
  bar.lower_to(0.5);
  CHECK(bar.value() == 0.5);
}

TEST(block_sums_skip_rows_as_zeros) {
  BlockSum all;
  BlockSum some;
  double total = 0.0;
  double block = 0.0;
  for (std::size_t row = 0; row < 5000; ++row) {
    if (row % BlockSum::rows_per_block == 0) {
      total += block;
      block = 0.0;
    }
    const double term = row % 7 == 0 ? 0.1 * static_cast<double>(row) : 0.0;
    block += term;
    all.add(row, term);
    if (term != 0.0) {
      some.add(row, term);
    }
  }
  CHECK(all.total() == total + block);
  CHECK(some.total() == all.total());
}

TEST(column_sums_are_exact_whatever_the_values) {
  constexpr std::size_t n_rows = 3000;
  constexpr std::size_t n_columns = 20;
  Random random(5);
  std::vector<double> values(n_rows * n_columns);
  for (std::size_t i = 0; i < n_rows; ++i) {
    for (std::size_t j = 0; j < n_columns; ++j) {
      // From narrow columns to those with all exponents; 0 to begin with, then ever larger.
      const auto range = static_cast<double>(j * j * 5) * (static_cast<double>(i) / n_rows);
      const double exponent = (2.0 * random.uniform() - 1.0) * range;
      values[i * n_columns + j] =
          i < 100 ? 0.0 : std::ldexp(2.0 * random.uniform() - 1.0, static_cast<int>(exponent) / 2);
    }
  }
  values[n_columns * 1500 + 3] = std::numeric_limits<double>::max();
  values[n_columns * 1600 + 3] = -std::numeric_limits<double>::max();
  std::vector<ExactSum> expected(n_columns);
  for (std::size_t i = 0; i < values.size(); ++i) {
    expected[i % n_columns].add(values[i]);
  }
  Job one(1);
  Job many(8);  // more than there are blocks
  for (Job* job : {&one, &many}) {
    ColumnSummary summary =
        summarise_columns(Rows<double>(values.data(), n_rows, n_columns, n_columns), *job);
    for (std::size_t j = 0; j < n_columns; ++j) {
      CHECK(summary.sums[j].digits() == expected[j].digits());
      CHECK(summary.mean[j] == expected[j].rounded_quotient(n_rows));
      double least = values[j];
      double most = values[j];
      for (std::size_t i = 0; i < n_rows; ++i) {
        least = std::min(least, values[i * n_columns + j]);
        most = std::max(most, values[i * n_columns + j]);
      }
      CHECK(summary.min[j] == least && summary.max[j] == most);
    }
  }
}

TEST(column_summaries_are_the_same_for_every_number_of_threads) {
  sample::Matrix matrix = sample::uniform(70000, 3, 8);
  for (std::size_t i = 0; i < matrix.n_rows; ++i) {
    matrix.values[3 * i + 1] = 2.5F;
  }
  Job one(1);
  Job three(3);
  const ColumnSummary expected = summarise_columns(matrix.rows(), one);
  const ColumnSummary summary = summarise_columns(matrix.rows(), three);
  CHECK(summary.mean == expected.mean && summary.min == expected.min);
  CHECK(summary.constant_columns() == std::vector<std::size_t>{1});
  CHECK(summary.mean[1] == 2.5 && std::fabs(summary.mean[0]) < 0.01);
  matrix.values[3 * 69999 + 2] = NAN;
  matrix.values[3 * 2] = INFINITY;
  const std::string message =
      check::message_of<InvalidInput>([&] { summarise_columns(matrix.rows(), three); });
  CHECK(check::contains(message, "row 2, column 0 is inf"));
}

TEST(magnitudes_beyond_the_range_of_squares_are_refused) {
  check_largest_value({{0.0}, {-1e120}, {1e120}});
  CHECK(check::contains(check::message_of<InvalidInput>(
                            [] { check_largest_value({{0.0, 0.0}, {0.0, -2e150}, {1.0, 1.0}}); }),
                        "column 1 holds -2e+150; multiply the embeddings by 1e-151"));
  check_span({{0.0}, {1.0}, {1.0}});
  check_span({{0.0}, {0.0}, {1e-120}});
  CHECK(check::contains(
      check::message_of<InvalidInput>([] { check_span({{0.0}, {0.0}, {1e-130}}, 7); }),
      "of class 7 differ by at most 1e-130, in column 0"));
  CHECK(power_of_ten_over(1e-170) == "1e170");
}

TEST(summed_distances_are_added_in_the_order_of_the_set) {
  const sample::Matrix matrix = sample::uniform(300, 5, 3);
  for (const Metric metric : {Metric::euclidean, Metric::sqeuclidean, Metric::cosine}) {
    Job job(2);
    const DistanceMeter<float> meter(matrix.rows(), metric, job);
    PickedRows<float> set(meter, 290);
    for (std::size_t row = 0; row < 290; ++row) {
      set.push_back(row);
    }
    std::vector<std::size_t> rows(matrix.n_rows);
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    std::vector<double> sums(rows.size());
    sum_distances(meter, set, rows, sums, job);
    Point point;
    for (const std::size_t row : rows) {
      meter.read(row, point);
      double sum = 0.0;
      for (std::size_t pick = 0; pick < 290; ++pick) {
        sum += meter.distance_from_rank(meter.rank(pick, point));
      }
      CHECK(sums[row] == sum);
    }
  }
}

TEST(pieces_of_long_rows_cover_them_without_gaps) {
  const std::vector<std::int64_t> indices = {4, 0};
  const std::size_t row_bytes = RowPieces::max_piece + 10;
  const RowPieces pieces(indices, row_bytes, 100, 7);
  CHECK(pieces.count() == 4 && pieces.target_begin() == 7);
  std::uint64_t next = pieces.target_begin();
  for (std::size_t piece = 0; piece < pieces.count(); ++piece) {
    CHECK(pieces.target(piece) == next);
    const std::uint64_t in_row = (pieces.target(piece) - 7) % row_bytes;
    CHECK(pieces.source(piece) == pieces.source_of_row(piece / 2) + in_row);
    next += pieces.size(piece);
  }
  CHECK(next == pieces.target_end());
  CHECK(RowPieces(indices, 0, 0, 0).count() == 0);
}

TEST(shards_find_every_row) {
  const std::vector<float> values(64);
  const std::vector<std::size_t> sizes = {1, 20, 3, 7};
  std::vector<Shard> shards;
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    shards.push_back({values.data() + s, sizes[s], 2});
  }
  const ShardTable table(shards);
  std::size_t row = 0;
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    for (std::size_t i = 0; i < sizes[s]; ++i, ++row) {
      CHECK(table.find(row).data == values.data() + s && table.find(row).offset == 2 * i);
    }
  }
}

TEST(the_larger_of_two_needs_is_taken_figure_by_figure) {
  const MemoryNeed need = larger_of({1, 10}, {2, 3});
  CHECK(need.likely == 2 && need.at_most == 10);
}

TEST_MAIN
