#include "rows/magnitudes.hpp"

#include <algorithm>
#include <sstream>

#include "thinset/error.hpp"

namespace thinset {

void check_largest_value(const ColumnSummary& summary) {
  for (std::size_t j = 0; j < summary.min.size(); ++j) {
    for (const double value : {summary.min[j], summary.max[j]}) {
      if (std::fabs(value) > largest_measurable) {
        std::ostringstream message;
        message << "distances need values within +-" << largest_measurable << ": column " << j
                << " holds " << value << "; multiply the embeddings by 1e-"
                << std::min(300, static_cast<int>(std::ceil(std::log10(std::fabs(value)))));
        throw InvalidInput(message.str());
      }
    }
  }
}

void check_span(const ColumnSummary& summary, std::optional<std::int64_t> label) {
  double widest = 0.0;
  std::size_t column = 0;
  for (std::size_t j = 0; j < summary.min.size(); ++j) {
    const double span = summary.max[j] - summary.min[j];
    if (span > widest) {
      widest = span;
      column = j;
    }
  }
  if (widest == 0.0 || widest >= smallest_measurable) {
    return;
  }
  std::ostringstream message;
  message << "distances need a column whose values differ by " << smallest_measurable
          << " or more, or float64 cannot hold their squares: the rows";
  if (label) {
    message << " of class " << *label;
  }
  message << " differ by at most " << widest << ", in column " << column
          << "; multiply the embeddings by " << power_of_ten_over(widest)
          << " (leave out columns with one value in every row first)";
  throw InvalidInput(message.str());
}

std::string power_of_ten_over(double value) {
  return "1e" + std::to_string(std::min(300, static_cast<int>(std::ceil(-std::log10(value)))));
}

}  // namespace thinset
