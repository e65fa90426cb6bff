// The order of rows by their exact distance from the exact mean.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "rows/exact_number.hpp"
#include "rows/exact_sum.hpp"
#include "thinset/metric.hpp"

namespace thinset {

// With S the sums of the columns over n rows, the mean is S / n. Squares are compared as
// weight * |n x - S|^2; cosine distances, weight * (1 - x.S / (|x| |S|)), by the signs and squares
// of what their difference consists of.
class ExactOrder {
 public:
  ExactOrder(Metric metric, std::span<const ExactSum> sums, std::uint64_t n);

  // What is needed of a row.
  struct Key {
    ExactNumber weight;
    ExactNumber dot;     // x.S, for cosine
    ExactNumber square;  // |x|^2, for others the value itself
  };
  // `weight` is that of the rank.
  [[nodiscard]] Key key(std::span<const double> x, double weight) const;

  [[nodiscard]] bool is_further(const Key& a, const Key& b) const;

 private:
  bool is_cosine_;
  ExactNumber n_;
  std::vector<ExactNumber> sums_;
  ExactNumber square_of_sums_;
};

}  // namespace thinset
