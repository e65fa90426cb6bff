// The exact distance of every row to its nearest pick.
#pragma once

#include <cstddef>
#include <vector>

#include "bounds/gain_bounds.hpp"
#include "rows/distance.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

template <class T>
class Coverage {
 public:
  Coverage(const DistanceMeter<T>& meter, Job& job);

  // Every row's distance to its nearest pick; infinite before the first.
  [[nodiscard]] const std::vector<double>& nearest() const { return nearest_; }
  [[nodiscard]] std::vector<double> distances_to(std::size_t row) const;
  // In the order of BlockSum, as are gains.
  [[nodiscard]] double summed_distance(std::size_t row) const;

  // The decrease of the sum of nearest() with this candidate. `served` lists all rows that it is
  // nearer to than the picks, and possibly others; without it, all rows are checked.
  double measure(std::size_t candidate, const std::vector<Served>* served);
  // Picks the last measured candidate.
  void add();

 private:
  struct Measured {
    std::size_t row;
    double rank;
  };

  void look_at(std::size_t row, std::vector<Measured>& measured) const;
  void look_at_all();

  const DistanceMeter<T>& meter_;
  Job& job_;
  std::vector<double> nearest_;
  std::vector<double> nearest_rank_;
  Point point_;
  std::vector<Measured> measured_;  // the rows that the candidate is nearer to, ascending
  std::vector<std::vector<Measured>> blocks_;
};

}  // namespace thinset
