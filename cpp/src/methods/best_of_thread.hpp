// The best rows of every element among those that one thread looks at.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "methods/leaderboards.hpp"
#include "rows/rows.hpp"
#include "rows/widened.hpp"
#include "simd/row_kernels.hpp"

namespace thinset {

// Lists this short are kept in order, and cut back with every row.
constexpr std::size_t deepest_in_order = 16;

// After this many rows are kept for an element, it is cut back to the best `depth`. From suggested
// thresholds so few rows pass that this seldom happens; without, early cuts raise the threshold.
inline std::size_t most_kept(std::size_t depth, bool is_suggested) {
  if (is_suggested) {
    return 4 * depth + 64;
  }
  return depth <= deepest_in_order ? depth + 1 : 2 * depth + 8;
}

// A limit such that every row with score * weight > threshold, both in float64, has score * half
// the weight above it as the kernels compute it. Halved, weights are at most 1, so that no product
// overflows. For float32 scores the weight and the product are rounded: by less than 2^-22 of the
// product, and 2^-148 if it is below the smallest normal number.
template <class T>
Score<T> limit_of(double threshold) {
  if (std::isinf(threshold) || std::is_same_v<Score<T>, double>) {
    // Halving may round the smallest numbers.
    return static_cast<Score<T>>(std::isinf(threshold) ? threshold : 0.5 * threshold - 0x1p-1022);
  }
  const double lowered = 0.5 * threshold - std::fabs(threshold) * 0x1p-20 - 0x1p-140;
  return std::nextafter(static_cast<float>(lowered), -std::numeric_limits<float>::infinity());
}

// The rows that one thread keeps: per element at least the best `depth`.
template <class T>
class Keeper {
 public:
  Keeper(const Rows<T>& rows, ScoreOf score, const std::vector<double>& weights, std::size_t depth,
         const std::vector<double>& thresholds, bool is_suggested)
      : rows_(rows),
        score_(score),
        weights_(weights),
        depth_(depth),
        most_kept_(most_kept(depth, is_suggested)),
        is_in_order_(!is_suggested && depth <= deepest_in_order),
        capacity_(std::min(most_kept_, rows.size())),
        limits_(thresholds.size()),
        columns_(rows.n_columns()),
        kept_(std::make_unique_for_overwrite<Candidate[]>(rows.n_columns() * capacity_)),
        n_kept_(rows.n_columns(), 0) {
    if (!weights_.empty()) {
      thresholds_ = thresholds;
    }
    for (std::size_t column = 0; column < thresholds.size(); ++column) {
      set_threshold(column, thresholds[column]);
    }
  }

  // Returns false if a value is not finite.
  bool look_at(std::size_t row, const std::vector<char>& taken) {
    const T* values = rows_.row(row);
    const auto score = static_cast<std::size_t>(score_);
    const std::size_t n = weights_.empty()
                              ? row_kernels<T>().find_above[score](values, limits_.size(),
                                                                   limits_.data(), columns_.data())
                              : row_kernels<T>().find_weighted_above[score](
                                    values, static_cast<Score<T>>(0.5 * weights_[row]),
                                    limits_.size(), limits_.data(), columns_.data());
    if (n > limits_.size()) {
      return false;
    }
    if (is_beyond_screening(row) && taken[row] == 0) {
      for (std::size_t column = 0; column < limits_.size(); ++column) {
        keep(values, column, row);
      }
    } else if (n > 0 && taken[row] == 0) {
      for (std::size_t i = 0; i < n; ++i) {
        keep(values, columns_[i], row);
      }
    }
    return true;
  }

  [[nodiscard]] std::span<const Candidate> kept(std::size_t column) const {
    return {kept_.get() + column * capacity_, n_kept_[column]};
  }
  // Free rows with a score above this are kept.
  [[nodiscard]] double threshold(std::size_t column) const {
    return weights_.empty() ? limits_[column] : thresholds_[column];
  }

 private:
  // Whether float32 may lose much of the row's weight.
  [[nodiscard]] bool is_beyond_screening(std::size_t row) const {
    return !weights_.empty() && !std::is_same_v<T, double> && weights_[row] > 0.0 &&
           weights_[row] < 0x1p-59;
  }

  void keep(const T* values, std::size_t column, std::size_t row) {
    double score = score_from(widened(values + column), score_);
    if (!weights_.empty()) {
      score *= weights_[row];
      if (!(score > thresholds_[column])) {
        return;
      }
    }
    const std::span<Candidate> kept{kept_.get() + column * capacity_, ++n_kept_[column]};
    kept.back() = {score, row};
    if (is_in_order_) {
      for (auto at = kept.end() - 1; at != kept.begin() && *at < *(at - 1); --at) {
        std::iter_swap(at, at - 1);
      }
    }
    if (kept.size() == most_kept_) {
      // Rows come in ascending order, so a later one with the score of the worst would lose.
      const auto worst = kept.begin() + static_cast<std::ptrdiff_t>(depth_) - 1;
      if (!is_in_order_) {
        std::nth_element(kept.begin(), worst, kept.end());
      }
      set_threshold(column, worst->score);
      n_kept_[column] = depth_;
    }
  }

  void set_threshold(std::size_t column, double threshold) {
    if (weights_.empty()) {
      limits_[column] = static_cast<Score<T>>(threshold);
      return;
    }
    thresholds_[column] = threshold;
    limits_[column] = limit_of<T>(threshold);
  }

  Rows<T> rows_;
  ScoreOf score_;
  const std::vector<double>& weights_;
  std::size_t depth_;
  std::size_t most_kept_;
  bool is_in_order_;
  std::size_t capacity_;
  std::vector<Score<T>> limits_;    // for the kernels
  std::vector<double> thresholds_;  // with weights only, because limits are lower then
  std::vector<std::uint32_t> columns_;
  std::unique_ptr<Candidate[]> kept_;  // `capacity_` places per column, the first n_kept_ in use
  std::vector<std::size_t> n_kept_;
};

}  // namespace thinset
