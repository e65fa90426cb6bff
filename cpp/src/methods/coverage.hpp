// The exact loss of every row by the pick that represents it best.
#pragma once

#include <cstddef>
#include <vector>

#include "bounds/gain_bounds.hpp"
#include "rows/distance.hpp"
#include "rows/loss.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

template <class T>
class Coverage {
 public:
  // `origin` is the loss of rows before the first pick.
  Coverage(const DistanceMeter<T>& meter, const Loss& loss, double origin, Job& job);

  // The last n rows need no representation.
  void leave_out_last(std::size_t n);

  // Every row's loss by its best pick; minus infinity for rows that are left out.
  [[nodiscard]] const std::vector<double>& nearest() const { return nearest_; }
  [[nodiscard]] std::vector<double> losses_by(std::size_t row) const;

  // The decrease of the sum of nearest() with this candidate, in the order of BlockSum. `served`
  // lists all rows that it represents better than the picks, and possibly others; without it, all
  // rows are checked.
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
  Loss loss_;
  Job& job_;
  std::vector<double> nearest_;
  std::vector<double> useless_beyond_;  // per row, a rank: no pick beyond it has a smaller loss
  Point point_;
  std::vector<Measured> measured_;  // the rows that the candidate represents better, ascending
  std::vector<std::vector<Measured>> blocks_;
};

}  // namespace thinset
