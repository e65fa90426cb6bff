// The loops of rough_kernels.hpp, compiled once per instruction set into a namespace of its own.
//
// Included only by rough_kernels_<set>.cpp, with THINSET_KERNELS_NAMESPACE defined. See lanes.hpp
// on what may be called here.

#include "simd/lanes.hpp"
#include "simd/rough_kernels.hpp"

namespace thinset::THINSET_KERNELS_NAMESPACE {

namespace {

// Adds part by part, and never calls: compilers would keep the sums in memory.
template <RoughValue value>
[[gnu::always_inline]] inline void add_terms(Floats& sums, const Floats& x, const Floats& y) {
  for (std::size_t p = 0; p < Floats::n_parts; ++p) {
    if constexpr (value == RoughValue::dot) {
      sums.part[p] += x.part[p] * y.part[p];
    } else {
      const Vector<float> difference = x.part[p] - y.part[p];
      sums.part[p] += difference * difference;
    }
  }
}

// As many as registers hold the sums of.
constexpr std::size_t rows_at_once = register_bytes / 16;

// Of rows of at least 16 columns. The sums of a row are those of two sets of lanes, so that
// additions overlap, and fewer follow each other. The `next` rows are brought into the cache.
template <RoughValue value, std::size_t n_rows, class T>
inline void sum_rows(const T* const* rows, const T* const* next, const float* y, std::size_t n,
                     float* out) {
  Floats even[n_rows] = {};
  Floats odd[n_rows] = {};
  std::size_t j = 0;
  for (; j + 2 * n_lanes <= n; j += 2 * n_lanes) {
    const Floats first = load_floats(y + j);
    const Floats second = load_floats(y + j + n_lanes);
    for (std::size_t r = 0; r < n_rows; ++r) {
      __builtin_prefetch(next[r] + j);
      if (2 * n_lanes * sizeof(T) > 64) __builtin_prefetch(next[r] + j + n_lanes);
      add_terms<value>(even[r], load_floats(rows[r] + j), first);
      add_terms<value>(odd[r], load_floats(rows[r] + j + n_lanes), second);
    }
  }
  if (j + n_lanes <= n) {
    const Floats last = load_floats(y + j);
    for (std::size_t r = 0; r < n_rows; ++r) {
      add_terms<value>(even[r], load_floats(rows[r] + j), last);
    }
    j += n_lanes;
  }
  if (j < n) {
    const Floats rest = load_floats(y + j, n - j);
    for (std::size_t r = 0; r < n_rows; ++r) {
      add_terms<value>(odd[r], load_floats(rows[r] + j, n - j), rest);
    }
  }
  for (std::size_t r = 0; r < n_rows; ++r) out[r] = sum_lanes(even[r] + odd[r]);
}

// Of up to 16 rows of fewer than 16 columns: a lane for each row.
template <RoughValue value, class T>
inline Floats sums_of_short(const T* const* rows, std::size_t n_rows, const float* y,
                            std::size_t n) {
  const T* in_lanes[n_lanes];
  for (std::size_t r = 0; r < n_lanes; ++r) in_lanes[r] = rows[r < n_rows ? r : 0];
  Floats sums{};
  for (std::size_t j = 0; j < n; ++j) {
    float column[n_lanes];
    for (std::size_t r = 0; r < n_lanes; ++r) column[r] = as_float(in_lanes[r][j]);
    add_terms<value>(sums, load_floats(column), all_lanes(y[j]));
  }
  return sums;
}

template <RoughValue value, class T>
void measure(const T* const* rows, std::size_t n_rows, const float* y, std::size_t n, float* out) {
  for (std::size_t first = 0; first < n_rows; first += n_lanes) {
    const std::size_t size = n_rows - first < n_lanes ? n_rows - first : n_lanes;
    Floats sums;
    if (n < n_lanes) {
      sums = sums_of_short<value>(rows + first, size, y, n);
    } else {
      float values[n_lanes] = {};
      std::size_t r = 0;
      for (; r + rows_at_once <= size; r += rows_at_once) {
        const std::size_t at = first + r;
        const std::size_t next = at + 2 * rows_at_once <= n_rows ? at + rows_at_once : at;
        sum_rows<value, rows_at_once>(rows + at, rows + next, y, n, values + r);
      }
      for (; r < size; ++r) {
        sum_rows<value, 1>(rows + first + r, rows + first + r, y, n, values + r);
      }
      sums = load_floats(values);
    }
    if constexpr (value == RoughValue::root) sums = square_roots(sums);
    if (size == n_lanes) {
      store(out + first, sums);
    } else {
      __builtin_memcpy(out + first, &sums, size * sizeof(float));
    }
  }
}

// Of n_rows rows and all points. Every row is loaded once; the points stay in the cache.
template <RoughValue value, std::size_t n_rows, class T>
inline void sum_together(const T* const* rows, const T* const* next, const float* const* ys,
                         std::size_t n, float (*out)[n_lanes]) {
  Floats sums[n_rows][points_together] = {};
  const auto add = [&](const auto& load) {
    Floats x[n_rows];
    for (std::size_t r = 0; r < n_rows; ++r) x[r] = load(rows[r]);
    for (std::size_t p = 0; p < points_together; ++p) {
      const Floats y = load(ys[p]);
      for (std::size_t r = 0; r < n_rows; ++r) add_terms<value>(sums[r][p], x[r], y);
    }
  };
  std::size_t j = 0;
  for (; j + n_lanes <= n; j += n_lanes) {
    for (std::size_t r = 0; r < n_rows; ++r) __builtin_prefetch(next[r] + j);
    add([&](const auto* from) { return load_floats(from + j); });
  }
  if (j < n) add([&](const auto* from) { return load_floats(from + j, n - j); });
  for (std::size_t r = 0; r < n_rows; ++r) {
    for (std::size_t p = 0; p < points_together; ++p) out[p][r] = sum_lanes(sums[r][p]);
  }
}

template <RoughValue value, class T>
void measure_together(const T* const* rows, std::size_t n_rows, const float* const* ys,
                      std::size_t n, float* const* outs) {
  constexpr std::size_t at_once = register_bytes < 64 ? 1 : 2;  // whose sums registers hold
  for (std::size_t first = 0; first < n_rows; first += n_lanes) {
    const std::size_t size = n_rows - first < n_lanes ? n_rows - first : n_lanes;
    float values[points_together][n_lanes] = {};
    std::size_t r = 0;
    for (; r + at_once <= size; r += at_once) {
      float some[points_together][n_lanes];
      const std::size_t at = first + r;
      const std::size_t next = at + 5 * at_once <= n_rows ? at + 4 * at_once : at;
      sum_together<value, at_once>(rows + at, rows + next, ys, n, some);
      for (std::size_t p = 0; p < points_together; ++p) {
        for (std::size_t i = 0; i < at_once; ++i) values[p][r + i] = some[p][i];
      }
    }
    for (; r < size; ++r) {
      float some[points_together][n_lanes];
      sum_together<value, 1>(rows + first + r, rows + first + r, ys, n, some);
      for (std::size_t p = 0; p < points_together; ++p) values[p][r] = some[p][0];
    }
    for (std::size_t p = 0; p < points_together; ++p) {
      Floats lanes = load_floats(values[p]);
      if constexpr (value == RoughValue::root) lanes = square_roots(lanes);
      if (size == n_lanes) {
        store(outs[p] + first, lanes);
      } else {
        __builtin_memcpy(outs[p] + first, &lanes, size * sizeof(float));
      }
    }
  }
}

template <RoughValue value>
void measure_nothing(const double* const* /*rows*/, std::size_t n_rows, const float* /*y*/,
                     std::size_t /*n*/, float* out) {
  for (std::size_t r = 0; r < n_rows; ++r) out[r] = __builtin_inff();
}
template <RoughValue value>
void measure_nothing_together(const double* const* rows, std::size_t n_rows, const float* const* ys,
                              std::size_t n, float* const* outs) {
  for (std::size_t p = 0; p < points_together; ++p) {
    measure_nothing<value>(rows, n_rows, ys[p], n, outs[p]);
  }
}
// Of float64 rows, nothing is known.
template <RoughValue value, class T>
constexpr auto measure_of() {
  if constexpr (sizeof(T) == sizeof(double)) {
    return &measure_nothing<value>;
  } else {
    return &measure<value, T>;
  }
}
template <RoughValue value, class T>
constexpr auto measure_together_of() {
  if constexpr (sizeof(T) == sizeof(double)) {
    return &measure_nothing_together<value>;
  } else {
    return &measure_together<value, T>;
  }
}

template <RoughValue value>
void measure_blocks(const float* blocks, std::size_t n_blocks, const float* y, std::size_t n,
                    float* out) {
  for (std::size_t b = 0; b < n_blocks; ++b) {
    Floats sums{};
    for (std::size_t j = 0; j < n; ++j) {
      add_terms<value>(sums, load_floats(blocks + (b * n + j) * n_lanes), all_lanes(y[j]));
    }
    if constexpr (value == RoughValue::root) sums = square_roots(sums);
    store(out + b * n_lanes, sums);
  }
}

bool are_finite(const float* values, std::size_t n) {
  Floats products{};  // NaN from the first value that is not finite on
  std::size_t i = 0;
  for (; i + n_lanes <= n; i += n_lanes) products += load_floats(values + i) * Floats{};
  if (i < n) products += load_floats(values + i, n - i) * Floats{};
  return sum_lanes(products) == 0.0F;
}

constexpr double lowest = -__builtin_inf();

inline double largest_of(const Doubles& lanes) {
  double values[n_lanes];
  store(values, lanes);
  double largest = lowest;
  for (const double value : values) largest = value > largest ? value : largest;
  return largest;
}

double add_scaled(const float* values, std::size_t n, double factor, double offset, double* sums) {
  if (!are_finite(values, n)) return __builtin_nan("");
  Doubles largest = all_lanes(lowest);
  std::size_t i = 0;
  for (; i + n_lanes <= n; i += n_lanes) {
    const Doubles terms = load_doubles(values + i) * all_lanes(factor) + all_lanes(offset);
    const Doubles added = load_doubles(sums + i) + terms;
    store(sums + i, added);
    largest = larger(largest, added);
  }
  double largest_sum = largest_of(largest);
  for (; i < n; ++i) {
    sums[i] += static_cast<double>(values[i]) * factor + offset;
    largest_sum = sums[i] > largest_sum ? sums[i] : largest_sum;
  }
  return largest_sum;
}

inline Doubles quotients(Doubles a, const Doubles& b) {
  for (std::size_t p = 0; p < Doubles::n_parts; ++p) a.part[p] /= b.part[p];
  return a;
}

double add_cosine_distances(const float* dots, const double* norms, std::size_t n, double norm,
                            double error, double lost, double* sums) {
  if (!are_finite(dots, n)) return __builtin_nan("");
  Doubles largest = all_lanes(lowest);
  std::size_t i = 0;
  for (; i + n_lanes <= n; i += n_lanes) {
    const Doubles m = load_doubles(norms + i) * all_lanes(norm);
    const Doubles ranks = all_lanes(1.0) - quotients(load_doubles(dots + i), m);
    const Doubles errors = all_lanes(error) + quotients(all_lanes(lost), m);
    const Doubles added = load_doubles(sums + i) + larger(ranks, Doubles{}) + errors;
    store(sums + i, added);
    largest = larger(largest, added);
  }
  double largest_sum = largest_of(largest);
  for (; i < n; ++i) {
    const double m = norms[i] * norm;
    const double rank = 1.0 - static_cast<double>(dots[i]) / m;
    sums[i] += (rank > 0.0 ? rank : 0.0) + error + lost / m;
    largest_sum = sums[i] > largest_sum ? sums[i] : largest_sum;
  }
  return largest_sum;
}

template <class T>
constexpr RoughKernels<T> table = {
    {measure_of<RoughValue::square, T>(), measure_of<RoughValue::root, T>(),
     measure_of<RoughValue::dot, T>()},
    {measure_together_of<RoughValue::square, T>(), measure_together_of<RoughValue::root, T>(),
     measure_together_of<RoughValue::dot, T>()},
    {&measure_blocks<RoughValue::square>, &measure_blocks<RoughValue::root>,
     &measure_blocks<RoughValue::dot>},
    &add_scaled,
    &add_cosine_distances,
};

}  // namespace

extern const RoughKernels<float> rough_float32_kernels;
extern const RoughKernels<double> rough_float64_kernels;
extern const RoughKernels<Float16> rough_float16_kernels;
extern const RoughKernels<BFloat16> rough_bfloat16_kernels;

const RoughKernels<float> rough_float32_kernels = table<float>;
const RoughKernels<double> rough_float64_kernels = table<double>;
const RoughKernels<Float16> rough_float16_kernels = table<Float16>;
const RoughKernels<BFloat16> rough_bfloat16_kernels = table<BFloat16>;

}  // namespace thinset::THINSET_KERNELS_NAMESPACE
