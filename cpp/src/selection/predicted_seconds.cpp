#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "rows/column_sums.hpp"
#include "selection/selection_parts.hpp"
#include "simd/row_kernels.hpp"
#include "thinset/estimate.hpp"
#include "thinset/processors.hpp"

namespace thinset {

namespace {

// Rows for the measurement: more than a core's cache, in stretches short enough that most are
// undisturbed.
constexpr std::size_t calibration_bytes = std::size_t{1} << 21;
constexpr std::size_t stretch_bytes = std::size_t{1} << 15;
constexpr std::size_t n_stretches = 64;
constexpr double calibration_seconds = 4e-3;
// Time grows in proportion to the columns; a row of more would not fit in the memory measured.
constexpr std::size_t most_calibration_columns = std::size_t{1} << 18;
// Waking the threads for one step of a greedy method.
constexpr double seconds_per_round = 1e-5;
constexpr double seconds_per_deal = 6e-7;
// A row that the processor has not prefetched.
constexpr double seconds_per_visit = 2e-7;

// The time of one row on one thread.
struct RowCosts {
  double look = 0.0;      // check of every value: finite, not too large
  double distance = 0.0;  // to a point
};

// The number of rows checked, of distances between rows and points, and of rows visited out of
// order.
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
  if (method == Method::top_k) {
    costs.look = for_each_row([&](const T* row) {
      kernels.find_above[0](row, n_columns, thresholds.data(), columns.data());
    });
  } else {
    ColumnSums sums(n_columns);
    ColumnReader<T> reader(n_columns, sums);
    std::vector<const T*> rows;
    costs.look = seconds_per_row(n_rows, rows_per_stretch, [&](std::size_t i, std::size_t last) {
      while (i < last) {
        rows.clear();
        for (; i < last && rows.size() < ColumnReader<T>::most_rows_at_once; ++i) {
          rows.push_back(values.data() + i * n_columns);
        }
        reader.add(rows.data(), rows.size());
      }
    });
  }
  costs.distance = for_each_row(
      [&](const T* row) { kept += kernels.squared_distance(row, point.data(), n_columns); });
  // Never true; keeps the compiler from removing the distances.
  return kept < 0.0 ? RowCosts{} : costs;
}

RowCosts measure_costs(const AnyMatrix& embeddings, Method method) {
  const std::size_t n_measured = std::min(embeddings.n_columns, most_calibration_columns);
  const RowCosts measured = [&] {
    switch (embeddings.element) {
      case Element::float32:
        return measure_costs<float>(n_measured, method);
      case Element::float64:
        return measure_costs<double>(n_measured, method);
      case Element::float16:
        return measure_costs<Float16>(n_measured, method);
      case Element::bfloat16:
        return measure_costs<BFloat16>(n_measured, method);
    }
    return RowCosts{};
  }();
  const double share = static_cast<double>(embeddings.n_columns) / static_cast<double>(n_measured);
  return {measured.look * share, measured.distance * share};
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
      // Every row by every pick in float32, then a distance per row and exchange; few are found.
      const double swaps = n * std::min(static_cast<double>(request.max_swaps), k);
      const double all = request.max_swaps > 0 ? n * k : 0.0;
      return {{n, 0.25 * fit + 0.3 * all, 0.0},
              {n, fit + 0.6 * all + 0.05 * swaps, 0.0},
              {n, std::max(2.0 * fit, n * k) + all + swaps, n * k / 50.0}};
    }
    case Method::max_sum: {
      const double fit = 60.0 * n * std::pow(k, 0.27);
      // Sums for every row, then two distances per row and exchange; few exchanges are worthwhile.
      const auto most_swaps = static_cast<double>(request.max_swaps);
      const double sums = request.max_swaps > 0 ? n * k : 0.0;
      const double swaps = 2.0 * n * std::min(most_swaps, k);
      return {{n, 0.25 * fit + sums, 0.0},
              {n, fit + sums + 0.1 * swaps, 0.0},
              {n, std::max(2.0 * fit, n * k) + sums + swaps, n * k}};
    }
    case Method::facility_location:
      // The first pick processes all pairs in float32; later picks only the undecided ones.
      if (request.max_swaps > 0) {
        // One more pass lists the pairs that exchanges depend on, or each round if they are many;
        // an exchange measures every row.
        const double swaps = n * std::min(static_cast<double>(request.max_swaps), k);
        return {{n, 0.1 * n * n + n * k, 0.0},
                {n, 0.4 * n * n + n * k + 0.2 * swaps, 0.0},
                {n, 4.0 * n * n + 2.0 * n * k + 2.0 * swaps, 0.0}};
      }
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

Count operator+(const Count& a, const Count& b) {
  return {a.looks + b.looks, a.distances + b.distances, a.visits + b.visits};
}

Counts operator+(const Counts& a, const Counts& b) {
  return {a.low + b.low, a.middle + b.middle, a.high + b.high};
}

Counts of_distances(double low, double middle, double high) {
  return {{0.0, low, 0.0}, {0.0, middle, 0.0}, {0.0, high, 0.0}};
}

// A greedy selection of this many rows, for a certificate.
Counts count_greedy(const SelectionSize& size, Method method, double n_samples) {
  SelectionRequest request;
  request.method = method;
  SelectionSize part = size;
  part.n_samples = static_cast<std::size_t>(n_samples);
  return count_operations(part, request);
}

struct FigureCounts {
  std::string_view name;
  Counts counts;
  double n_rounds;  // parallel loops
};

std::vector<FigureCounts> count_figures(const SelectionSize& size) {
  const auto n = static_cast<double>(size.n_rows);
  const auto k = static_cast<double>(size.n_samples);
  const double pairs = k * (k - 1.0) / 2.0;
  const double more = std::min(n, 1.5 * k);
  // Checks for the summary and for the pass over all rows. Anchors are measured against each other,
  // then the rows whose sums may be among the largest. All of this happens twice if the subset is
  // much worse than a greedy one.
  const Counts anchors = {
      {2.0 * n, n + k * k, 0.0}, {2.0 * n, n + 2.0 * k * k, 0.0}, {2.0 * n, n + n * k, 0.0}};
  const Counts greedy_sum = count_greedy(size, Method::max_sum, k);
  const Counts sum_bound = {anchors.low, (anchors + anchors + greedy_sum).middle,
                            (anchors + anchors + greedy_sum).high};
  // Pairs of a row and a point are screened in float32, many at a time.
  const Counts near_pairs = of_distances(n * more / 60.0, n * more / 25.0, n * more);
  // Up to twelve partitions into k - 1 sets.
  const double all_pairs = 12.0 * n * n;
  const Counts partitions =
      of_distances(std::min(n * k, all_pairs), std::min(4.0 * n * k, all_pairs),
                   std::min(16.0 * n * k + 0x1p25, all_pairs));
  return {
      {"sum_of_pairwise_distances", of_distances(pairs, pairs, pairs), k},
      {"smallest_pairwise_distance", of_distances(pairs, pairs, pairs), k},
      {"covering_radius", of_distances(n * k, n * k, n * k), k},
      {"sum_of_nearest_distances", of_distances(n * k, n * k, n * k), k},
      {"upper_bound_of_sum_of_pairwise_distances", sum_bound, k},
      {"upper_bound_of_smallest_pairwise_distance",
       count_greedy(size, Method::max_min, k) + partitions, k},
      {"lower_bound_of_covering_radius", count_greedy(size, Method::max_min, more) + near_pairs,
       more},
      // One pass over all pairs lists those that matter; they are measured once, and added in every
      // step.
      {"lower_bound_of_sum_of_nearest_distances",
       of_distances(n * k + 0.05 * n * n, n * k + 0.2 * n * n, n * k + 4.0 * n * n), 1.0},
  };
}

Seconds seconds_of(const Counts& counts, const RowCosts& costs, double n_working,
                   double one_by_one) {
  const auto time_of = [&](const Count& count) {
    return (count.looks * costs.look + count.distances * costs.distance +
            count.visits * seconds_per_visit) /
               n_working +
           one_by_one;
  };
  return {0.7 * time_of(counts.low), time_of(counts.middle), 1.5 * time_of(counts.high)};
}

double working_threads(unsigned n_threads) {
  const unsigned available = available_processors();
  return n_threads == 0 ? available : std::min(n_threads, available);
}

}  // namespace

Seconds predicted_seconds(const AnyMatrix& embeddings, const SelectionRequest& request,
                          unsigned n_threads) {
  const RowCosts costs = measure_costs(embeddings, request.method);
  const double n_working = working_threads(n_threads);
  const bool is_greedy = request.method == Method::max_sum || request.method == Method::max_min;
  Seconds seconds;
  for (const SelectionSize& size : selection_parts(embeddings, request, n_threads)) {
    const double one_by_one =
        static_cast<double>(size.n_samples) * (is_greedy ? seconds_per_round : seconds_per_deal);
    const Seconds part = seconds_of(count_operations(size, request), costs, n_working, one_by_one);
    seconds.low += part.low;
    seconds.middle += part.middle;
    seconds.high += part.high;
  }
  return seconds;
}

std::vector<FigureSeconds> predicted_figure_seconds(const AnyMatrix& embeddings,
                                                    std::size_t n_samples, Metric metric,
                                                    unsigned n_threads) {
  const RowCosts costs = measure_costs(embeddings, Method::max_sum);
  SelectionRequest request;
  request.n_samples = n_samples;
  request.metric = metric;
  const SelectionSize size = selection_parts(embeddings, request, n_threads).front();
  std::vector<FigureSeconds> seconds;
  for (const FigureCounts& figure : count_figures(size)) {
    seconds.push_back({figure.name, seconds_of(figure.counts, costs, working_threads(n_threads),
                                               figure.n_rounds * seconds_per_round)});
  }
  return seconds;
}

}  // namespace thinset
