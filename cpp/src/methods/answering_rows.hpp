// The answers of one part to the messages of a k-means coordinator.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "methods/clustered_rows.hpp"
#include "rows/exact_sum.hpp"
#include "thinset/error.hpp"
#include "thinset/kmeans_parts.hpp"

namespace thinset {

template <class T>
class AnsweringRows {
 public:
  // `lowest` and `highest` are the ranges of the columns. The first of the rows has the number
  // `first_row` among those of all parts.
  AnsweringRows(const Rows<T>& rows, std::int64_t first_row, std::vector<double> lowest,
                std::vector<double> highest, Job& job)
      : rows_(rows, job),
        first_row_(first_row),
        lowest_(std::move(lowest)),
        highest_(std::move(highest)) {}

  [[nodiscard]] const ClusteredRows<T>& clustered() const { return rows_; }

  KMeansAnswer answer(KMeansMessage message, Job& job) {
    const std::vector<std::int64_t>& integers = message.integers;
    std::vector<double>& values = message.values;
    const auto expect = [&](bool is_fitting) { require(is_fitting, message.step); };
    // A number of clusters that every row's cluster is below.
    const auto expect_clusters = [&](auto k) {
      require(k > 0 && static_cast<std::uint64_t>(k) >= rows_.n_centres() &&
                  static_cast<std::uint64_t>(k) <= most_clusters,
              message.step);
      return static_cast<std::size_t>(k);
    };
    switch (message.step) {
      case KMeansStep::describe:
        return describe();
      case KMeansStep::read:
        return read(integers);
      case KMeansStep::lower: {
        expect(integers.size() == 1 && values.size() == n_columns() + 1 && integers[0] >= 0 &&
               (integers[0] == 0 || static_cast<std::uint64_t>(integers[0]) == rows_.n_centres()));
        const auto [total, largest] =
            rows_.lower(static_cast<std::size_t>(integers[0]),
                        std::span<const double>(values).subspan(1), values[0], job);
        return {{total}, {largest}};
      }
      case KMeansStep::weigh:
        expect(integers.empty() && values.size() == 1 && rows_.n_centres() > 0);
        return {{rows_.weigh(values[0], job)}, {}};
      case KMeansStep::draw:
        expect(integers.size() == 2 && values.empty());
        if (integers[0] != first_row_ || n_rows() == 0) {
          return {};
        }
        expect(integers[1] >= 0 && integers[1] < rows_.total_weight());
        return read({number(rows_.draw(integers[1]))});
      case KMeansStep::sizes:
        expect(integers.size() == 1 && values.empty());
        return {rows_.sizes(expect_clusters(integers[0])), {}};
      case KMeansStep::furthest: {
        expect_clusters(integers.size());
        const std::size_t row = rows_.furthest(integers, job);
        if (row == n_rows()) {
          return {};
        }
        return {{number(row), static_cast<std::int64_t>(rows_.cluster(row))},
                {rows_.squared_distances()[row]}};
      }
      case KMeansStep::move:
        expect(integers.size() == 2 && integers[1] >= 0 &&
               static_cast<std::uint64_t>(integers[1]) < rows_.n_centres());
        if (has(integers[0])) {
          rows_.move(position(integers[0]), static_cast<std::size_t>(integers[1]));
        }
        return {};
      case KMeansStep::sums:
        expect(integers.size() == 2 && values.size() == n_columns());
        return {{}, rows_.sums(expect_clusters(integers[1]), splits(integers[0], values), job)};
      case KMeansStep::assign: {
        expect(integers.empty() && values.size() % n_columns() == 0);
        const std::size_t k = expect_clusters(values.size() / n_columns());
        KMeansAnswer answer{{static_cast<std::int64_t>(rows_.assign(std::move(values), job))}, {}};
        const std::vector<std::int64_t> sizes = rows_.sizes(k);
        answer.integers.insert(answer.integers.end(), sizes.begin(), sizes.end());
        return answer;
      }
      case KMeansStep::nearest:
        expect(integers.size() == 1 && values.empty());
        return {{}, rows_.smallest_distances(expect_clusters(integers[0]))};
      case KMeansStep::first_within: {
        expect_clusters(values.size());
        KMeansAnswer answer;
        for (const std::size_t row : rows_.first_within(values)) {
          answer.integers.push_back(row == n_rows() ? -1 : number(row));
        }
        return answer;
      }
    }
    return {};
  }

 private:
  static constexpr std::uint64_t most_clusters = std::uint64_t{1} << 40;

  [[nodiscard]] std::size_t n_rows() const { return rows_.rows().size(); }
  [[nodiscard]] std::size_t n_columns() const { return rows_.rows().n_columns(); }
  [[nodiscard]] std::int64_t number(std::size_t position) const {
    return first_row_ + static_cast<std::int64_t>(position);
  }
  [[nodiscard]] bool has(std::int64_t row) const {
    return row >= first_row_ && static_cast<std::uint64_t>(row - first_row_) < n_rows();
  }
  [[nodiscard]] std::size_t position(std::int64_t row) const {
    return static_cast<std::size_t>(row - first_row_);
  }

  static void require(bool is_fitting, KMeansStep step) {
    if (!is_fitting) {
      throw InvalidInput("a message '" + std::string(to_string(step)) +
                         "' does not fit this part; send every part all messages of one "
                         "coordinator, in order");
    }
  }

  [[nodiscard]] KMeansAnswer describe() const {
    KMeansAnswer answer{{first_row_, static_cast<std::int64_t>(n_rows())}, lowest_};
    answer.values.insert(answer.values.end(), highest_.begin(), highest_.end());
    return answer;
  }

  [[nodiscard]] KMeansAnswer read(const std::vector<std::int64_t>& numbers) const {
    KMeansAnswer answer;
    std::vector<double> values(n_columns());
    for (const std::int64_t row : numbers) {
      if (has(row)) {
        row_kernels<T>().widen(rows_.rows().row(position(row)), values.data(), n_columns());
        answer.integers.push_back(row);
        answer.values.insert(answer.values.end(), values.begin(), values.end());
      }
    }
    return answer;
  }

  [[nodiscard]] std::vector<SumSplit> splits(std::int64_t n_rows_of_all,
                                             const std::vector<double>& magnitudes) const {
    constexpr std::int64_t most_rows = std::int64_t{1} << 40;
    require(n_rows_of_all >= 1 && static_cast<std::uint64_t>(n_rows_of_all) >= n_rows() &&
                n_rows_of_all <= most_rows,
            KMeansStep::sums);
    std::vector<SumSplit> splits;
    for (std::size_t j = 0; j < n_columns(); ++j) {
      const bool is_empty = n_rows() == 0;
      require(magnitudes[j] >= 0.0 && std::isfinite(magnitudes[j]) &&
                  (is_empty || (-lowest_[j] <= magnitudes[j] && highest_[j] <= magnitudes[j])),
              KMeansStep::sums);
      splits.push_back(SumSplit::of(magnitudes[j], static_cast<std::uint64_t>(n_rows_of_all)));
    }
    return splits;
  }

  ClusteredRows<T> rows_;
  std::int64_t first_row_;
  std::vector<double> lowest_;
  std::vector<double> highest_;
};

}  // namespace thinset
