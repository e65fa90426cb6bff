// For every row, the medoids that represent it best.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rows/distance.hpp"
#include "rows/loss.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// The medoids are numbered places. Each row knows its few nearest medoids, all that have a smaller
// loss than a limit of the row. An exchange removes one and adds another; only when fewer than two
// are left, the row is measured against all medoids again. Losses are exact.
template <class T>
class NearestMedoids {
 public:
  // Requires two or more medoids.
  NearestMedoids(const DistanceMeter<T>& meter, const Loss& loss,
                 std::span<const std::size_t> medoids, Job& job);

  // The medoid at `place` becomes this row.
  void replace(std::size_t place, std::size_t row);

  [[nodiscard]] double nearest(std::size_t row) const { return rows_[row].known[0].loss; }
  [[nodiscard]] double second(std::size_t row) const { return rows_[row].known[1].loss; }
  [[nodiscard]] std::uint32_t nearest_place(std::size_t row) const {
    return rows_[row].known[0].place;
  }
  // A rank beyond which no row has a smaller loss than second().
  [[nodiscard]] double useless_beyond(std::size_t row) const {
    return loss_.no_less_beyond(rows_[row].known[1].rank);
  }
  // The loss by medoid number n by loss, from 1, or by the last that is known.
  [[nodiscard]] double known(std::size_t row, std::size_t n) const {
    return rows_[row].known[std::min<std::size_t>(n, rows_[row].n) - 1].loss;
  }

  // Up to so many medoids of a row are known.
  static constexpr std::size_t n_known = 4;

  static std::uint64_t bytes_per_row() { return sizeof(Row); }

 private:
  struct Known {
    double loss;
    double rank;
    std::uint32_t place;
  };
  struct Row {
    std::array<Known, n_known> known;  // by ascending loss
    std::uint32_t n;
    double limit;         // all other medoids have at least this loss
    double limit_beyond;  // no rank beyond this has a smaller loss
  };

  void find(std::size_t row, Row& into, Point& point) const;
  void add(const Known& medoid, Row& to) const;

  const DistanceMeter<T>& meter_;
  Loss loss_;
  Job& job_;
  PickedRows<T> medoids_;
  std::vector<Row> rows_;
};

}  // namespace thinset
