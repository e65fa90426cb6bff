// The innermost loops, one table of functions per element type and instruction set.
//
// All arithmetic on embeddings is float64 in one canonical order, so that every instruction set
// gives the same bits: term j goes to lane j mod 16, each lane adds its terms in ascending j, and
// the lanes are added in pairs (l, l + 8), then (l, l + 4), (l, l + 2), (l, l + 1). Multiplications
// and additions are never fused.
#pragma once

#include <cstddef>
#include <cstdint>

#include "thinset/element.hpp"

namespace thinset {

// The score that ranks columns in top-k selection: x, -x or |x|.
enum class ScoreOf { value, negative, magnitude };
inline constexpr std::size_t n_scores = 3;

// Scores are wide enough to be exact.
template <class T>
struct ScoreType {
  using type = float;
};
template <>
struct ScoreType<double> {
  using type = double;
};
template <class T>
using Score = typename ScoreType<T>::type;

// Pointers to one entry per column. Values within +-limit are split into parts whose sums are exact
// (rows/column_sums.hpp).
struct ColumnTotals {
  const double* split_high;
  const double* split_low;
  const double* limit;
  double* high;
  double* low;
  double* min;
  double* max;
};

template <class T>
struct RowKernels {
  // The sum over j of (x[j] - y[j])^2.
  double (*squared_distance)(const T* x, const double* y, std::size_t n);
  // The sum over j of x[j] * y[j].
  double (*dot)(const T* x, const double* y, std::size_t n);
  // The same in float32, within (n / 16 + 16) 2^-24 of it relatively, unless it is infinite; used
  // only for screening. For float64 rows, which float32 cannot hold, always 0.
  float (*rough_squared_distance)(const T* x, const float* y, std::size_t n);
  // Of n points of up to four columns, column j from x + j * stride on: ranks[i] becomes the
  // squared distance of point i to y, as above, if that is less. Returns the largest of the ranks,
  // or 0 if all are negative.
  double (*lower_ranks)(const T* x, std::size_t stride, std::size_t n_columns, std::size_t n,
                        const double* y, double* ranks);
  // y[j] = x[j].
  void (*widen)(const T* x, double* y, std::size_t n);
  // Adds up to 64 rows to what is known of their columns, by strips of 16 columns. Writes to
  // `failed` the first columns of the strips that it has not added, because a sum might be rounded
  // or a value is not finite, and returns how many.
  std::size_t (*sum_columns)(const T* const* rows, std::size_t n_rows, std::size_t n_columns,
                             const ColumnTotals& totals, std::size_t* failed);
  // Adds to high[j] and low[j] the parts of x[j] (SumSplit in rows/exact_sum.hpp) that the
  // constants split_high[j] and split_low[j] give.
  void (*add_split)(const T* x, std::size_t n, const double* split_high, const double* split_low,
                    double* high, double* low);
  // The same, and subtracts them from from_high[j] and from_low[j].
  void (*move_split)(const T* x, std::size_t n, const double* split_high, const double* split_low,
                     double* from_high, double* from_low, double* high, double* low);
  // By ScoreOf: best[j] = max(best[j], score of x[j]).
  void (*raise_scores[n_scores])(const T* x, std::size_t n, Score<T>* best);
  // By ScoreOf: writes the columns whose score is above their threshold to `columns`, ascending,
  // and returns how many; n + 1 if a value is not finite.
  std::size_t (*find_above[n_scores])(const T* x, std::size_t n, const Score<T>* thresholds,
                                      std::uint32_t* columns);
  // The same with every score times `weight`, a number from 0 to 1, rounded to Score<T>.
  void (*raise_weighted_scores[n_scores])(const T* x, Score<T> weight, std::size_t n,
                                          Score<T>* best);
  std::size_t (*find_weighted_above[n_scores])(const T* x, Score<T> weight, std::size_t n,
                                               const Score<T>* thresholds, std::uint32_t* columns);
};

// The table for current_instruction_set().
template <class T>
const RowKernels<T>& row_kernels();

template <>
const RowKernels<float>& row_kernels<float>();
template <>
const RowKernels<double>& row_kernels<double>();
template <>
const RowKernels<Float16>& row_kernels<Float16>();
template <>
const RowKernels<BFloat16>& row_kernels<BFloat16>();

}  // namespace thinset
