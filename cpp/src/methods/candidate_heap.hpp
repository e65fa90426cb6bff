// Candidate rows, by upper bounds of their gains.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace thinset {

// Gains only shrink from pick to pick, so a stale gain is an upper bound.
struct Candidate {
  double gain;
  std::uint32_t row;
  std::uint32_t n_seen = 0;  // number of picks included in the gain
  bool is_exact = false;

  // A row that gains nothing now never will.
  [[nodiscard]] bool is_stale(std::uint32_t n_picks) const {
    return gain > 0.0 && n_seen != n_picks;
  }
  [[nodiscard]] bool is_settled(std::uint32_t n_picks) const {
    return gain <= 0.0 || (is_exact && n_seen == n_picks);
  }
  [[nodiscard]] bool operator<(const Candidate& other) const {
    return gain != other.gain ? gain < other.gain : row > other.row;
  }
};

// The largest gain on top; ties: the lower row.
class CandidateHeap {
 public:
  void build(std::vector<Candidate> candidates) {
    candidates_ = std::move(candidates);
    std::make_heap(candidates_.begin(), candidates_.end());
  }
  [[nodiscard]] bool empty() const { return candidates_.empty(); }
  [[nodiscard]] const Candidate& top() const { return candidates_.front(); }

  Candidate pop() {
    std::pop_heap(candidates_.begin(), candidates_.end());
    const Candidate candidate = candidates_.back();
    candidates_.pop_back();
    return candidate;
  }
  void push(const Candidate& candidate) {
    candidates_.push_back(candidate);
    std::push_heap(candidates_.begin(), candidates_.end());
  }

 private:
  std::vector<Candidate> candidates_;
};

}  // namespace thinset
