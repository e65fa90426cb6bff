#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <vector>

#include "thinset/estimate.hpp"
#include "thinset/processors.hpp"
#include "thinset/row_kernels.hpp"

namespace thinset {

namespace {

// Rows to try on: more than a core's own cache, in stretches too short to be disturbed in each.
constexpr std::size_t calibration_bytes = std::size_t{1} << 21;
constexpr std::size_t stretch_bytes = std::size_t{1} << 15;
constexpr std::size_t n_stretches = 64;
constexpr double calibration_seconds = 4e-3;
// Waking the threads for one step of a greedy method.
constexpr double seconds_per_round = 1e-5;
constexpr double seconds_per_deal = 6e-7;
// A row that is not where the processor expects it.
constexpr double seconds_per_visit = 2e-7;

// What one row takes one thread.
struct RowCosts {
  double look = 0.0;      // at every value: is it finite, is it large?
  double distance = 0.0;  // to a point
};

// How many rows are looked at, between how many rows and points distances are measured, and how
// many rows are visited out of their order.
struct Count {
  double looks = 0.0;
  double distances = 0.0;
  double visits = 0.0;
};

// The median time of body(first, last) over stretches of the rows, per row.
template <class Body>
double seconds_per_row(std::size_t n_rows, std::size_t rows_per_stretch, const Body& body) {
  using Clock = std::chrono::steady_clock;
  const std::chrono::duration<double> enough(calibration_seconds);
  std::vector<double> seconds;
  const Clock::time_point start = Clock::now();
  std::size_t first = 0;
  for (Clock::time_point now = start; seconds.size() < n_stretches && now - start < enough;) {
    const std::size_t last = std::min(first + rows_per_stretch, n_rows);
    const Clock::time_point before = Clock::now();
    body(first, last);
    now = Clock::now();
    const std::chrono::duration<double> taken = now - before;
    seconds.push_back(taken.count() / static_cast<double>(last - first));
    first = last == n_rows ? 0 : last;
  }
  const auto median = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), median, seconds.end());
  return *median;
}

template <class T>
RowCosts measure_costs(std::size_t n_columns, Method method) {
  const RowKernels<T>& kernels = row_kernels<T>();
  const std::size_t row_bytes = n_columns * sizeof(T);
  const std::size_t n_rows = std::max<std::size_t>(1, calibration_bytes / row_bytes);
  const std::size_t rows_per_stretch = std::max<std::size_t>(1, stretch_bytes / row_bytes);
  const std::vector<T> values(n_rows * n_columns);
  const std::vector<double> point(n_columns, 0.5);
  std::vector<double> sum(n_columns);
  std::vector<double> min(n_columns);
  std::vector<double> max(n_columns);
  const std::vector<Score<T>> thresholds(n_columns, Score<T>{1});
  std::vector<std::uint32_t> columns(n_columns);
  double kept = 0.0;
  const auto for_each_row = [&](const auto& body) {
    return seconds_per_row(n_rows, rows_per_stretch, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last; ++i) {
        body(values.data() + i * n_columns);
      }
    });
  };
  RowCosts costs;
  costs.look = for_each_row([&](const T* row) {
    if (method == Method::top_k) {
      kernels.find_above[0](row, n_columns, thresholds.data(), columns.data());
    } else {
      kernels.summarise(row, n_columns, sum.data(), min.data(), max.data());
    }
  });
  costs.distance = for_each_row(
      [&](const T* row) { kept += kernels.squared_distance(row, point.data(), n_columns); });
  // Never so: the distances must be seen to be wanted.
  return kept < 0.0 ? RowCosts{} : costs;
}

RowCosts measure_costs(const AnyMatrix& embeddings, Method method) {
  switch (embeddings.element) {
    case Element::float32:
      return measure_costs<float>(embeddings.n_columns, method);
    case Element::float64:
      return measure_costs<double>(embeddings.n_columns, method);
    case Element::float16:
      return measure_costs<Float16>(embeddings.n_columns, method);
    case Element::bfloat16:
      return measure_costs<BFloat16>(embeddings.n_columns, method);
  }
  return {};
}

struct Counts {
  Count low, middle, high;
};

// The powers of k are fits to what greedy methods did on correlated embeddings of 64 elements.
Counts count_operations(const SelectionSize& size, const SelectionRequest& request) {
  const auto n = static_cast<double>(size.n_rows);
  const auto k = static_cast<double>(size.n_samples);
  switch (request.method) {
    case Method::top_k:
      return {{n, 0.0, 0.0}, {1.5 * n, 0.0, 0.0}, {6.0 * n, 0.0, 0.0}};
    case Method::max_min: {
      const double fit = 9.0 * n * std::pow(k, 0.56);
      return {{n, 0.25 * fit, 0.0}, {n, fit, 0.0}, {n, std::max(2.0 * fit, n * k), n * k / 50.0}};
    }
    case Method::max_sum: {
      const double fit = 60.0 * n * std::pow(k, 0.27);
      // Sums for every row, then two distances per row and exchange, of which few are worthwhile.
      const auto most_swaps = static_cast<double>(request.max_swaps);
      const double sums = request.max_swaps > 0 ? n * k : 0.0;
      const double swaps = 2.0 * n * std::min(most_swaps, k);
      return {{n, 0.25 * fit + sums, 0.0},
              {n, fit + sums + 0.1 * swaps, 0.0},
              {n, std::max(2.0 * fit, n * k) + sums + swaps, n * k}};
    }
    case Method::facility_location:
      // The first pick takes all pairs into account, in float32; later ones what is left in doubt.
      return {{n, 0.05 * n * n, 0.0}, {n, 0.2 * n * n, 0.0}, {n, n * n + n * k, 0.0}};
    case Method::kmeans: {
      const auto iterations = static_cast<double>(request.kmeans.n_iterations);
      const double seeding = request.kmeans.seeding == Seeding::plus_plus ? n * k : 0.0;
      const double fit = 1.2 * seeding + n * iterations * (20.0 + 0.13 * k);
      return {{n, 0.7 * seeding + 0.1 * (fit - seeding), 0.0},
              {n, fit, 0.0},
              {n, std::max(1.5 * fit, 2.0 * seeding + n * k * iterations), 0.0}};
    }
    case Method::random:
      return {{n, 0.0, 0.0}, {1.5 * n, 0.0, 0.0}, {2.0 * n, 0.0, n}};
  }
  return {};
}

}  // namespace

Seconds predicted_seconds(const AnyMatrix& embeddings, const SelectionRequest& request,
                          unsigned n_threads) {
  const RowCosts costs = measure_costs(embeddings, request.method);
  const unsigned wanted = n_threads == 0 ? available_processors() : n_threads;
  const double n_working = std::min(wanted, available_processors());
  const bool is_greedy = request.method == Method::max_sum || request.method == Method::max_min;
  Seconds seconds;
  for (const SelectionSize& size : selection_sizes(embeddings, request, n_threads)) {
    const Counts counts = count_operations(size, request);
    const double one_by_one =
        static_cast<double>(size.n_samples) * (is_greedy ? seconds_per_round : seconds_per_deal);
    const auto time_of = [&](const Count& count) {
      return (count.looks * costs.look + count.distances * costs.distance +
              count.visits * seconds_per_visit) /
                 n_working +
             one_by_one;
    };
    seconds.low += 0.7 * time_of(counts.low);
    seconds.middle += time_of(counts.middle);
    seconds.high += 1.5 * time_of(counts.high);
  }
  return seconds;
}

}  // namespace thinset
