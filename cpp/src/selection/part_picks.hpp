// The picks that a part of a selection has counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rows/narrow.hpp"
#include "rows/rows.hpp"
#include "rows/widened.hpp"
#include "simd/row_kernels.hpp"
#include "thinset/error.hpp"
#include "thinset/parts.hpp"

namespace thinset {

// Checks picks before they are counted.
template <class T>
class PartPicks {
 public:
  PartPicks(const Rows<T>& rows, std::size_t most) : rows_(rows), most_(most) {}

  // The rows that the points are, one after the other.
  [[nodiscard]] std::vector<T> checked(std::span<const double> points,
                                       std::span<const std::int64_t> rows) const {
    const std::size_t n_columns = rows_.n_columns();
    if (points.size() != rows.size() * n_columns) {
      throw InvalidInput("points must have " + std::to_string(n_columns) +
                         " columns and as many rows as `rows`: expected " +
                         std::to_string(rows.size() * n_columns) + " values, got " +
                         std::to_string(points.size()));
    }
    if (rows.size() > most_ - n_) {
      throw InvalidInput("a part takes at most n_samples = " + std::to_string(most_) +
                         " picks, got " + std::to_string(n_ + rows.size()));
    }
    std::vector<T> narrow(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      narrow[i] = narrowed<T>(points[i]);
      if (widened(&narrow[i]) != points[i]) {
        throw InvalidInput("points must be rows of " + std::string(to_string(element_of<T>)) +
                           ": point " + std::to_string(i / n_columns) + " holds " +
                           std::to_string(points[i]) + " in column " +
                           std::to_string(i % n_columns));
      }
    }
    check_rows(points, rows);
    return narrow;
  }
  void count(std::size_t n) { n_ += n; }
  [[nodiscard]] std::size_t size() const { return n_; }

 private:
  void check_rows(std::span<const double> points, std::span<const std::int64_t> rows) const {
    const std::size_t n_columns = rows_.n_columns();
    std::vector<double> values(n_columns);
    for (std::size_t p = 0; p < rows.size(); ++p) {
      if (rows[p] == -1) {
        continue;
      }
      if (rows[p] < 0 || static_cast<std::uint64_t>(rows[p]) >= rows_.size()) {
        throw InvalidInput("rows must be -1 or in [0, " + std::to_string(rows_.size()) +
                           "): entry " + std::to_string(p) + " is " + std::to_string(rows[p]));
      }
      row_kernels<T>().widen(rows_.row(static_cast<std::size_t>(rows[p])), values.data(),
                             n_columns);
      for (std::size_t j = 0; j < n_columns; ++j) {
        if (values[j] != points[p * n_columns + j]) {
          throw InvalidInput("point " + std::to_string(p) + " is not row " +
                             std::to_string(rows[p]) + " of this part: they differ in column " +
                             std::to_string(j));
        }
      }
      for (std::size_t other = 0; other < p; ++other) {
        if (rows[other] == rows[p]) {
          throw InvalidInput("row " + std::to_string(rows[p]) + " is picked twice");
        }
      }
    }
  }

  Rows<T> rows_;
  std::size_t most_;
  std::size_t n_ = 0;
};

[[noreturn]] inline void refuse_second_pick(std::int64_t row) {
  throw InvalidInput("row " + std::to_string(row) + " of this part was picked before");
}
inline void require_pick(std::size_t n_picks) {
  if (n_picks == 0) {
    throw InvalidInput("best() needs a pick: begin with the row furthest from the mean");
  }
}
void check_part(const AnyMatrix& rows, std::size_t n_samples);

template <class T>
void append(const Rows<T>& rows, std::size_t row, double value, BestRows& to) {
  to.values.push_back(value);
  to.rows.push_back(static_cast<std::int64_t>(row));
  to.points.resize(to.points.size() + rows.n_columns());
  row_kernels<T>().widen(rows.row(row), to.points.data() + to.points.size() - rows.n_columns(),
                         rows.n_columns());
}

}  // namespace thinset
