/// @file
/// Selection over rows that are divided among machines: what each of them does with its part, and
/// what must be the same for all. The result has the bits of a selection over all rows at once,
/// however they are divided.
///
/// Rows are those of the part, which must be in the order of the whole. Points are rows widened to
/// float64; all parts must have one element type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "thinset/api.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"

namespace THINSET_API thinset {

/// The extremes of columns: infinity and -infinity without rows.
struct ColumnRange {
  std::vector<double> low;
  std::vector<double> high;
};
/// Throws InvalidInput that names the first row and column that are not finite.
ColumnRange column_range(const AnyMatrix& rows, Job& job);
/// Throws InvalidInput for a range over all parts whose distances float64 cannot represent, as a
/// selection would.
void check_column_range(const ColumnRange& range, Metric metric);

/// The number of digits of an exact sum. Sums of parts are added digit by digit: fewer than 2^30.
inline constexpr std::size_t digits_per_sum = 68;
/// digits_per_sum digits for each column, the lowest first: digit d counts 2^(32 d - 1088). Throws
/// as column_range() does.
std::vector<std::int64_t> exact_column_sums(const AnyMatrix& rows, Job& job);
/// The float64 numbers nearest to sums / n_rows. Requires n_rows > 0.
std::vector<double> exact_mean(std::span<const std::int64_t> sums, std::uint64_t n_rows);
/// The row furthest from the mean of n_rows rows, of which `sums` are the column sums; ties, of
/// exact distances, to the lower row. The number of rows if there are none.
std::size_t furthest_from_mean(const AnyMatrix& rows, std::span<const std::int64_t> sums,
                               std::uint64_t n_rows, Metric metric, Job& job);

/// What max_min compares: the distance of each row to the point, squared for euclidean.
std::vector<double> ranks(const AnyMatrix& rows, std::span<const double> point, Metric metric,
                          Job& job);

/// The best rows of a part, best first.
struct BestRows {
  std::vector<double> values;
  std::vector<std::int64_t> rows;
  std::vector<double> points;
};

/// One part of a max_min selection of up to n_samples rows.
///
/// The embeddings and the job must outlive it. After an exception other than InvalidInput it cannot
/// be used any more.
class MaxMinPart {
 public:
  /// Throws InvalidInput for values that are not finite and, for cosine, as a selection does for
  /// norms. There may be no rows.
  MaxMinPart(const AnyMatrix& rows, std::size_t n_samples, Metric metric, Job& job);
  ~MaxMinPart();
  MaxMinPart(MaxMinPart&&) noexcept;
  MaxMinPart& operator=(MaxMinPart&&) noexcept;

  /// Counts picks of any part, in their order. rows[i] is the row of this part that point i is, or
  /// -1. Throws InvalidInput, without counting any, for a point that is not a row of the element
  /// type or not the row it is said to be, a row picked before, and more than n_samples picks.
  void pick(std::span<const double> points, std::span<const std::int64_t> rows);

  /// Up to n rows that were not picked, by descending rank to their nearest pick, then by row. The
  /// gain of a pick is the rank, or its root for euclidean. Requires a pick.
  BestRows best(std::size_t n);

  class THINSET_LOCAL State;

 private:
  std::unique_ptr<State> state_;
};

/// The same for max_sum.
class MaxSumPart {
 public:
  MaxSumPart(const AnyMatrix& rows, std::size_t n_samples, Metric metric, Job& job);
  ~MaxSumPart();
  MaxSumPart(MaxSumPart&&) noexcept;
  MaxSumPart& operator=(MaxSumPart&&) noexcept;

  void pick(std::span<const double> points, std::span<const std::int64_t> rows);

  /// The row with the largest sum of distances to all picks, which is the gain of a pick; no row if
  /// all are picked.
  BestRows best();

  class THINSET_LOCAL State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace THINSET_API thinset
