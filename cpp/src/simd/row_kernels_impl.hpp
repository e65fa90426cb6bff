// The loops of row_kernels.hpp, compiled once per instruction set into a namespace of its own.
//
// Included only by row_kernels_<set>.cpp, with THINSET_KERNELS_NAMESPACE defined. See lanes.hpp on
// what may be called here.

#include <cstddef>
#include <cstdint>

#include "simd/lanes.hpp"
#include "simd/row_kernels.hpp"

namespace thinset::THINSET_KERNELS_NAMESPACE {

namespace {

template <class T>
double squared_distance(const T* x, const double* y, std::size_t n) {
  Doubles lanes{};
  std::size_t j = 0;
  for (; j + n_lanes <= n; j += n_lanes) {
    const Doubles difference = load_doubles(x + j) - load_doubles(y + j);
    lanes += difference * difference;
  }
  if (j < n) {
    const Doubles difference = load_doubles(x + j, n - j) - load_doubles(y + j, n - j);
    lanes += difference * difference;
  }
  return sum_lanes(lanes);
}

template <class T>
double dot(const T* x, const double* y, std::size_t n) {
  Doubles lanes{};
  std::size_t j = 0;
  for (; j + n_lanes <= n; j += n_lanes) lanes += load_doubles(x + j) * load_doubles(y + j);
  if (j < n) lanes += load_doubles(x + j, n - j) * load_doubles(y + j, n - j);
  return sum_lanes(lanes);
}

template <class T>
float rough_squared_distance(const T* x, const float* y, std::size_t n) {
  Floats even{};
  Floats odd{};
  std::size_t j = 0;
  for (; j + 2 * n_lanes <= n; j += 2 * n_lanes) {
    const Floats difference = load_floats(x + j) - load_floats(y + j);
    const Floats next = load_floats(x + j + n_lanes) - load_floats(y + j + n_lanes);
    even += difference * difference;
    odd += next * next;
  }
  if (j + n_lanes <= n) {
    const Floats difference = load_floats(x + j) - load_floats(y + j);
    even += difference * difference;
    j += n_lanes;
  }
  if (j < n) {
    const Floats difference = load_floats(x + j, n - j) - load_floats(y + j, n - j);
    odd += difference * difference;
  }
  return sum_lanes(even + odd);
}
template <>
float rough_squared_distance(const double* /*x*/, const float* /*y*/, std::size_t /*n*/) {
  return 0.0F;
}

template <class T>
void widen_row(const T* x, double* y, std::size_t n) {
  std::size_t j = 0;
  for (; j + n_lanes <= n; j += n_lanes) store(y + j, load_doubles(x + j));
  if (j < n) {
    const Doubles values = load_doubles(x + j, n - j);
    __builtin_memcpy(y + j, &values, (n - j) * sizeof(double));
  }
}

template <class T>
inline Doubles load_up_to(const T* from, std::size_t n) {
  return n == n_lanes ? load_doubles(from) : load_doubles(from, n);
}
inline void store_up_to(double* to, const Doubles& lanes, std::size_t n) {
  if (n == n_lanes) {
    store(to, lanes);
  } else {
    __builtin_memcpy(to, &lanes, n * sizeof(double));
  }
}

using Bits = Lanes<std::uint64_t>;

struct StripSums {
  Doubles high{};
  Doubles low{};
  Doubles min;
  Doubles max;
  Bits lost{};  // not 0 where a value has digits below those of its parts, or is not finite
};
[[gnu::always_inline]] inline void add_to_strip(StripSums& sums, const Doubles& x,
                                                const Doubles& split_high,
                                                const Doubles& split_low) {
  for (std::size_t p = 0; p < Doubles::n_parts; ++p) {
    const auto high = (x.part[p] + split_high.part[p]) - split_high.part[p];
    const auto rest = x.part[p] - high;
    const auto low = (rest + split_low.part[p]) - split_low.part[p];
    sums.high.part[p] += high;
    sums.low.part[p] += low;
    sums.min.part[p] = x.part[p] < sums.min.part[p] ? x.part[p] : sums.min.part[p];
    sums.max.part[p] = x.part[p] > sums.max.part[p] ? x.part[p] : sums.max.part[p];
    sums.lost.part[p] |= __builtin_bit_cast(Vector<std::uint64_t>, rest - low);
  }
}

template <class T>
std::size_t sum_columns(const T* const* rows, std::size_t n_rows, std::size_t n_columns,
                        const ColumnTotals& totals, std::size_t* failed) {
  std::size_t n_failed = 0;
  for (std::size_t j = 0; j < n_columns; j += n_lanes) {
    const std::size_t size = n_columns - j < n_lanes ? n_columns - j : n_lanes;
    const Doubles split_high = load_up_to(totals.split_high + j, size);
    const Doubles split_low = load_up_to(totals.split_low + j, size);
    StripSums sums;
    sums.min = all_lanes(__builtin_inf());
    sums.max = all_lanes(-__builtin_inf());
    if (size == n_lanes) {
      for (std::size_t r = 0; r < n_rows; ++r) {
        add_to_strip(sums, load_doubles(rows[r] + j), split_high, split_low);
      }
    } else {
      for (std::size_t r = 0; r < n_rows; ++r) {
        add_to_strip(sums, load_doubles(rows[r] + j, size), split_high, split_low);
      }
    }
    // Values of -0.0 leave the sign.
    std::uint64_t lost[n_lanes];
    double min[n_lanes];
    double max[n_lanes];
    store(lost, sums.lost);
    store(min, sums.min);
    store(max, sums.max);
    bool is_exact = true;
    for (std::size_t l = 0; l < size; ++l) {
      const double limit = totals.limit[j + l];
      is_exact &= (lost[l] << 1) == 0 && min[l] >= -limit && max[l] <= limit;
    }
    if (!is_exact) {
      failed[n_failed++] = j;
      continue;
    }
    store_up_to(totals.high + j, load_up_to(totals.high + j, size) + sums.high, size);
    store_up_to(totals.low + j, load_up_to(totals.low + j, size) + sums.low, size);
    for (std::size_t l = 0; l < size; ++l) {
      totals.min[j + l] = min[l] < totals.min[j + l] ? min[l] : totals.min[j + l];
      totals.max[j + l] = max[l] > totals.max[j + l] ? max[l] : totals.max[j + l];
    }
  }
  return n_failed;
}

template <std::size_t n_columns, class T>
inline double lower_ranks_of(const T* x, std::size_t stride, std::size_t n, const double* y,
                             double* ranks) {
  Doubles largest{};
  for (std::size_t i = 0; i < n; i += n_lanes) {
    const std::size_t size = n - i < n_lanes ? n - i : n_lanes;
    Doubles squares[4] = {};
    for (std::size_t j = 0; j < n_columns; ++j) {
      const Doubles difference = load_up_to(x + j * stride + i, size) - all_lanes(y[j]);
      squares[j] = difference * difference;
    }
    // In the order of sum_lanes.
    const Doubles rank = (squares[0] + squares[2]) + (squares[1] + squares[3]);
    const Doubles lowered = smaller(rank, load_up_to(ranks + i, size));
    store_up_to(ranks + i, lowered, size);
    largest = larger(lowered, largest);
  }
  return fold_lanes(largest, [](auto a, auto b) { return a > b ? a : b; });
}

template <class T>
double lower_ranks(const T* x, std::size_t stride, std::size_t n_columns, std::size_t n,
                   const double* y, double* ranks) {
  switch (n_columns) {
    case 1:
      return lower_ranks_of<1>(x, stride, n, y, ranks);
    case 2:
      return lower_ranks_of<2>(x, stride, n, y, ranks);
    case 3:
      return lower_ranks_of<3>(x, stride, n, y, ranks);
    default:
      return lower_ranks_of<4>(x, stride, n, y, ranks);
  }
}

struct Split {
  Doubles high, low;
};
template <class T>
inline Split split(const T* x, std::size_t n, const double* split_high, const double* split_low) {
  const Doubles values = load_up_to(x, n);
  const Doubles of_high = load_up_to(split_high, n);
  const Doubles of_low = load_up_to(split_low, n);
  const Doubles high = values + of_high - of_high;
  return {high, values - high + of_low - of_low};
}

template <class T>
void add_split(const T* x, std::size_t n, const double* split_high, const double* split_low,
               double* high, double* low) {
  for (std::size_t j = 0; j < n; j += n_lanes) {
    const std::size_t size = n - j < n_lanes ? n - j : n_lanes;
    const Split parts = split(x + j, size, split_high + j, split_low + j);
    store_up_to(high + j, load_up_to(high + j, size) + parts.high, size);
    store_up_to(low + j, load_up_to(low + j, size) + parts.low, size);
  }
}

template <class T>
void move_split(const T* x, std::size_t n, const double* split_high, const double* split_low,
                double* from_high, double* from_low, double* high, double* low) {
  for (std::size_t j = 0; j < n; j += n_lanes) {
    const std::size_t size = n - j < n_lanes ? n - j : n_lanes;
    const Split parts = split(x + j, size, split_high + j, split_low + j);
    store_up_to(from_high + j, load_up_to(from_high + j, size) - parts.high, size);
    store_up_to(from_low + j, load_up_to(from_low + j, size) - parts.low, size);
    store_up_to(high + j, load_up_to(high + j, size) + parts.high, size);
    store_up_to(low + j, load_up_to(low + j, size) + parts.low, size);
  }
}

template <ScoreOf score, class V>
inline Lanes<V> scores_of(const Lanes<V>& values) {
  if constexpr (score == ScoreOf::value) {
    return values;
  } else if constexpr (score == ScoreOf::negative) {
    return all_lanes(V{0}) - values;
  } else {
    return absolute(values);
  }
}

// The plain version has no weight, not even of 1: the compiler must not multiply.
struct NoWeight {};

template <class V>
inline Lanes<V> times(const Lanes<V>& scores, NoWeight /*weight*/) {
  return scores;
}
template <class V>
inline Lanes<V> times(const Lanes<V>& scores, V weight) {
  return scores * all_lanes(weight);
}

template <ScoreOf score, class T, class Weight>
void raise_scores_times(const T* x, Weight weight, std::size_t n, Score<T>* best) {
  for (std::size_t j = 0; j < n; j += n_lanes) {
    const std::size_t size = n - j < n_lanes ? n - j : n_lanes;
    const auto scores = times(scores_of<score>(load_scores(x + j, size)), weight);
    const auto raised = larger(scores, load_scores(best + j, size));
    __builtin_memcpy(best + j, &raised, size * sizeof(Score<T>));
  }
}

template <ScoreOf score, class T>
void raise_scores(const T* x, std::size_t n, Score<T>* best) {
  raise_scores_times<score>(x, NoWeight{}, n, best);
}
template <ScoreOf score, class T>
void raise_weighted_scores(const T* x, Score<T> weight, std::size_t n, Score<T>* best) {
  raise_scores_times<score>(x, weight, n, best);
}

template <ScoreOf score, class T, class Weight>
std::size_t find_times_above(const T* x, Weight weight, std::size_t n, const Score<T>* thresholds,
                             std::uint32_t* columns) {
  std::size_t found = 0;
  Lanes<Score<T>> witness{};  // x - x is 0 for every finite x and NaN for the others
  const auto look = [&](const Lanes<Score<T>>& values, const Lanes<Score<T>>& limits,
                        std::size_t j) {
    witness += values - values;
    for (std::uint32_t bits = bits_above(times(scores_of<score>(values), weight), limits);
         bits != 0; bits &= bits - 1) {
      columns[found++] =
          static_cast<std::uint32_t>(j) + static_cast<std::uint32_t>(__builtin_ctz(bits));
    }
  };
  std::size_t j = 0;
  for (; j + n_lanes <= n; j += n_lanes) look(load_scores(x + j), load_scores(thresholds + j), j);
  if (j < n) {
    look(load_scores(x + j, n - j), load_scores(thresholds + j, n - j), j);
    // Lanes past the end hold 0 with a threshold of 0, so none of them is above it.
  }
  return sum_lanes(witness) == Score<T>{0} ? found : n + 1;
}

template <ScoreOf score, class T>
std::size_t find_above(const T* x, std::size_t n, const Score<T>* thresholds,
                       std::uint32_t* columns) {
  return find_times_above<score>(x, NoWeight{}, n, thresholds, columns);
}
template <ScoreOf score, class T>
std::size_t find_weighted_above(const T* x, Score<T> weight, std::size_t n,
                                const Score<T>* thresholds, std::uint32_t* columns) {
  return find_times_above<score>(x, weight, n, thresholds, columns);
}

template <class T>
constexpr RowKernels<T> table = {
    &squared_distance<T>,
    &dot<T>,
    &rough_squared_distance<T>,
    &lower_ranks<T>,
    &widen_row<T>,
    &sum_columns<T>,
    &add_split<T>,
    &move_split<T>,
    {&raise_scores<ScoreOf::value, T>, &raise_scores<ScoreOf::negative, T>,
     &raise_scores<ScoreOf::magnitude, T>},
    {&find_above<ScoreOf::value, T>, &find_above<ScoreOf::negative, T>,
     &find_above<ScoreOf::magnitude, T>},
    {&raise_weighted_scores<ScoreOf::value, T>, &raise_weighted_scores<ScoreOf::negative, T>,
     &raise_weighted_scores<ScoreOf::magnitude, T>},
    {&find_weighted_above<ScoreOf::value, T>, &find_weighted_above<ScoreOf::negative, T>,
     &find_weighted_above<ScoreOf::magnitude, T>}};

}  // namespace

extern const RowKernels<float> float32_kernels;
extern const RowKernels<double> float64_kernels;
extern const RowKernels<Float16> float16_kernels;
extern const RowKernels<BFloat16> bfloat16_kernels;

const RowKernels<float> float32_kernels = table<float>;
const RowKernels<double> float64_kernels = table<double>;
const RowKernels<Float16> float16_kernels = table<Float16>;
const RowKernels<BFloat16> bfloat16_kernels = table<BFloat16>;

}  // namespace thinset::THINSET_KERNELS_NAMESPACE
