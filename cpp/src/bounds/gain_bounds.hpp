// The gains of a few rows as further picks, and the rows that contribute to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bounds/rough_rows.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// A row that a candidate may represent better than every pick, with a lower bound of its loss.
struct Served {
  std::uint32_t row;
  float at_least;
};

struct GainBound {
  double gain = 0.0;           // at least the sum of nearest[i] - loss(i, candidate) where positive
  std::vector<Served> served;  // all rows with such a term and few others, ascending
  bool is_listed = false;      // whether `served` is complete: it lists at most max_served rows
};

// Measures candidates against all rows in float32. `nearest` holds each row's loss by its best
// pick.
template <class T>
class GainBounds {
 public:
  GainBounds(const RoughRows<T>& rows, std::size_t max_served, Job& job);

  // The result is valid until the next call.
  std::vector<GainBound>& bound(std::span<const std::uint32_t> candidates,
                                const std::vector<double>& nearest);

  static std::uint64_t bytes_per_thread(std::uint64_t n_columns, std::uint64_t n_candidates,
                                        std::uint64_t max_served);

 private:
  struct Part {
    std::vector<GainBound> bounds;
  };
  struct Scratch {
    RoughSide queries;
    std::vector<std::uint32_t> rows;
    std::vector<float> gains;
    std::vector<PairInReach> found;
    std::vector<std::uint32_t> n_found;
  };

  void measure(std::size_t begin, std::size_t end, const std::vector<double>& nearest, Part& part,
               Scratch& scratch);
  void collect(std::size_t candidate);

  const RoughRows<T>& rows_;
  std::size_t max_served_;
  Job& job_;
  RoughSide points_;
  std::vector<Part> parts_;
  std::vector<Scratch> scratch_;
  std::vector<GainBound> bounds_;
};

}  // namespace thinset
