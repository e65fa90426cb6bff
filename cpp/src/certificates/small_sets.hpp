// Partitions of all rows into few sets of small diameter.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "rows/distance.hpp"
#include "thinset/metric.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Puts rows into sets, each of rows that are pairwise no further apart than a limit. A set begins
// with the row furthest from a centre that is in no set yet. Then rows join by ascending distance
// from it, if they are near enough to all members. So outliers, which few rows are near to, choose
// first. Each set measures the rows that are left, and each new member the members before it,
// except where the distances of both from the centre prove that they are near enough.
template <class T>
class SmallSets {
 public:
  // `radii`: at least the Euclidean distance of each row (cosine: of its direction) from a centre;
  // infinite if unknown. Measures about `most_work` distances at most, by all calls together.
  SmallSets(const DistanceMeter<T>& meter, std::vector<double> radii, double most_work, Job& job)
      : meter_(meter), job_(job), radii_(std::move(radii)), work_left_(most_work) {
    order_.resize(radii_.size());
    for (std::size_t row = 0; row < order_.size(); ++row) {
      order_[row] = row;
    }
    std::ranges::sort(order_, [&](std::size_t a, std::size_t b) {
      return radii_[a] != radii_[b] ? radii_[a] > radii_[b] : a < b;
    });
    ranks_.resize(order_.size());
    is_member_.resize(order_.size());
  }

  // What is known about the pairs of the same set.
  struct Diameter {
    bool is_found = false;
    double rank = 0.0;   // no measured rank is above this,
    double radii = 0.0;  // and of pairs that were not measured, no sum of their radii
  };
  // Fails if more than n sets are needed at this limit, a rank, or if all work is done.
  [[nodiscard]] Diameter partition(std::size_t n_sets, double limit) {
    limit_ = limit;
    // What is proved of pairs that are not measured is the sum of their radii: no need to widen it.
    reach_ = std::sqrt(meter_.metric() == Metric::cosine ? 2.0 * limit : limit);
    found_ = {};
    left_ = order_;
    std::ranges::fill(is_member_, char{0});
    for (std::size_t set = 0; !left_.empty(); ++set) {
      if (set == n_sets || is_exhausted()) {
        return {};
      }
      find_candidates();
      grow();
      std::erase_if(left_, [&](std::size_t row) { return is_member_[row] != 0; });
    }
    found_.is_found = true;
    return found_;
  }

  [[nodiscard]] bool is_exhausted() const { return work_left_ < 0.0; }

 private:
  static constexpr std::size_t rows_per_block = 256;
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  // Comparisons of radii that take as long as measuring a distance.
  static constexpr double comparisons_per_distance = 16.0;

  struct Candidate {
    double rank;
    std::size_t row;
  };

  // The rows that are near enough to the first one left, by rank.
  void find_candidates() {
    meter_.read(left_.front(), first_);
    job_.parallel_for(
        left_.size(), rows_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
          for (std::size_t i = begin; i < end; ++i) {
            const T* row = meter_.rows().row(left_[i]);
            ranks_[i] =
                meter_.is_beyond(row, first_, limit_) ? infinity : meter_.rank(left_[i], first_);
          }
        });
    work_left_ -= static_cast<double>(left_.size());
    candidates_.clear();
    for (std::size_t i = 1; i < left_.size(); ++i) {
      if (ranks_[i] <= limit_) {
        candidates_.push_back({ranks_[i], left_[i]});
      }
    }
    std::ranges::sort(candidates_, [](const Candidate& a, const Candidate& b) {
      return a.rank != b.rank ? a.rank < b.rank : a.row < b.row;
    });
  }

  void grow() {
    members_.assign(1, left_.front());
    is_member_[left_.front()] = 1;
    for (const auto& [rank, row] : candidates_) {
      job_.check();
      if (is_exhausted()) {
        return;
      }
      if (is_near_all(row)) {
        found_.rank = std::max(found_.rank, rank);
        members_.push_back(row);
        is_member_[row] = 1;
      }
    }
  }

  // Of the members but the first, to which it is.
  bool is_near_all(std::size_t row) {
    meter_.read(row, point_);
    Diameter found = found_;
    std::size_t n_measured = 0;
    for (std::size_t m = 1; m < members_.size(); ++m) {
      const double radii = radii_[row] + radii_[members_[m]];
      if (radii <= reach_) {
        found.radii = std::max(found.radii, radii);
        continue;
      }
      ++n_measured;
      const double rank = meter_.rank(members_[m], point_);
      if (!(rank <= limit_)) {
        // Probably too far from other candidates, too: it comes up earlier next time.
        std::swap(members_[m], members_[(m + 1) / 2]);
        count_work(n_measured, m);
        return false;
      }
      found.rank = std::max(found.rank, rank);
    }
    count_work(n_measured, members_.size());
    found_ = found;
    return true;
  }

  void count_work(std::size_t n_measured, std::size_t n_compared) {
    work_left_ -= static_cast<double>(n_measured) +
                  static_cast<double>(n_compared) / comparisons_per_distance;
  }

  const DistanceMeter<T>& meter_;
  Job& job_;
  std::vector<double> radii_;
  double work_left_;
  std::vector<std::size_t> order_;  // by descending radius
  double limit_ = 0.0;
  double reach_ = 0.0;
  Diameter found_;
  std::vector<std::size_t> left_;  // rows in no set, in order
  std::vector<double> ranks_;      // of the rows left, to the first of them
  std::vector<Candidate> candidates_;
  std::vector<std::size_t> members_;
  std::vector<char> is_member_;
  Point first_;
  Point point_;
};

}  // namespace thinset
