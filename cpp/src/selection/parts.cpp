#include "thinset/parts.hpp"

#include <algorithm>
#include <string>

#include "methods/first_pick.hpp"
#include "rows/column_summary.hpp"
#include "rows/exact_sum.hpp"
#include "rows/magnitudes.hpp"
#include "rows/rows.hpp"
#include "selection/part_picks.hpp"
#include "thinset/error.hpp"

namespace thinset {

static_assert(digits_per_sum == ExactSum::n_digits);

namespace {

constexpr std::size_t rows_per_block = 1024;

std::vector<ExactSum> sums_of(std::span<const std::int64_t> digits, std::uint64_t n_rows) {
  if (digits.size() % digits_per_sum != 0) {
    throw InvalidInput("sums must have " + std::to_string(digits_per_sum) +
                       " digits per column, got " + std::to_string(digits.size()) + " in all");
  }
  if (n_rows == 0) {
    throw InvalidInput("n_rows must be at least 1, got 0");
  }
  constexpr std::int64_t largest = std::int64_t{1} << 62;
  for (const std::int64_t digit : digits) {
    if (digit < -largest || digit > largest) {
      throw InvalidInput("sums must hold digits within +-2^62, got " + std::to_string(digit));
    }
  }
  std::vector<ExactSum> sums;
  for (std::size_t at = 0; at < digits.size(); at += digits_per_sum) {
    sums.emplace_back(digits.subspan(at).first<digits_per_sum>());
  }
  return sums;
}

void require_columns(const AnyMatrix& rows, std::size_t n_columns, const char* name) {
  if (n_columns != rows.n_columns) {
    throw InvalidInput(std::string(name) + " must be those of " + std::to_string(rows.n_columns) +
                       " columns, got " + std::to_string(n_columns));
  }
}

ColumnSummary summary_of(const AnyMatrix& rows, Job& job) {
  return visit(rows, [&](const auto& typed) { return summarise_columns(typed, job); });
}

}  // namespace

void check_part(const AnyMatrix& rows, std::size_t n_samples) {
  if (rows.n_columns == 0) {
    throw InvalidInput("embeddings must have at least one column, got shape (" +
                       std::to_string(rows.n_rows) + ", 0)");
  }
  if (n_samples == 0) {
    throw InvalidInput("n_samples must be at least 1, got 0");
  }
}

ColumnRange column_range(const AnyMatrix& rows, Job& job) {
  ColumnSummary summary = summary_of(rows, job);
  return {std::move(summary.min), std::move(summary.max)};
}

void check_column_range(const ColumnRange& range, Metric metric) {
  if (range.low.size() != range.high.size()) {
    throw InvalidInput("low and high must be of one length, got " +
                       std::to_string(range.low.size()) + " and " +
                       std::to_string(range.high.size()));
  }
  const ColumnSummary summary{{}, range.low, range.high};
  check_largest_value(summary);
  if (metric != Metric::cosine) {
    check_span(summary);
  }
}

std::vector<std::int64_t> exact_column_sums(const AnyMatrix& rows, Job& job) {
  ColumnSummary summary = summary_of(rows, job);
  std::vector<std::int64_t> digits;
  digits.reserve(summary.sums.size() * digits_per_sum);
  for (ExactSum& sum : summary.sums) {
    digits.insert(digits.end(), sum.digits().begin(), sum.digits().end());
  }
  return digits;
}

std::vector<double> exact_mean(std::span<const std::int64_t> sums, std::uint64_t n_rows) {
  std::vector<double> mean;
  for (const ExactSum& sum : sums_of(sums, n_rows)) {
    mean.push_back(sum.rounded_quotient(n_rows));
  }
  return mean;
}

std::size_t furthest_from_mean(const AnyMatrix& rows, std::span<const std::int64_t> sums,
                               std::uint64_t n_rows, Metric metric, Job& job) {
  const std::vector<ExactSum> exact = sums_of(sums, n_rows);
  require_columns(rows, exact.size(), "sums");
  const std::vector<double> mean = exact_mean(sums, n_rows);
  return visit(rows, [&]<class T>(const Rows<T>& typed) {
    require_finite(typed, job);
    const DistanceMeter<T> meter(typed, metric, job);
    return first_pick(meter, {exact, n_rows, mean}, Terms(), job);
  });
}

std::vector<double> ranks(const AnyMatrix& rows, std::span<const double> point, Metric metric,
                          Job& job) {
  require_columns(rows, point.size(), "the values of a point");
  return visit(rows, [&]<class T>(const Rows<T>& typed) {
    const DistanceMeter<T> meter(typed, metric, job);
    Point from;
    meter.read(std::vector<double>(point.begin(), point.end()), from);
    std::vector<double> values(typed.size());
    job.parallel_for(values.size(), rows_per_block,
                     [&](std::size_t begin, std::size_t end, unsigned) {
                       for (std::size_t i = begin; i < end; ++i) {
                         values[i] = meter.rank(i, from);
                       }
                     });
    return values;
  });
}

}  // namespace thinset
