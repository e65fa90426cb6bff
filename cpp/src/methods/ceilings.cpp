#include "methods/ceilings.hpp"

#include <numeric>

namespace thinset {

Ceilings::Ceilings(std::size_t n_rows, double slack, const std::vector<double>& weights, Job& job)
    : job_(job),
      slack_(slack),
      place_of_(n_rows),
      standings_(n_rows),
      base_(n_rows, 0.0),
      head_(n_rows, 0.0),
      radius_(n_rows),
      weight_(weights),
      blocks_((n_rows + rows_per_block - 1) / rows_per_block) {
  for (std::size_t row = 0; row < n_rows; ++row) {
    standings_[row].row = row;
  }
  for (double& weight : weight_) {
    weight *= 1.0 + 0x1p-48;
  }
  if (!weight_.empty()) {
    largest_weight_ = *std::ranges::max_element(weight_);
  }
}

// Places in order of their radii, rounded to float32: a radix sort, which takes no longer than
// reading every row. With 11 bits a digit, it costs next to nothing where there are few rows.
std::vector<std::size_t> Ceilings::by_falling_radius() const {
  constexpr std::size_t n_digits = std::size_t{1} << 11;
  std::vector<std::size_t> order(size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<std::size_t> next(order.size());
  for (const int shift : {0, 11, 22}) {
    const auto digit_of = [&](std::size_t place) {
      // Radii are not negative, so their bits have the same order.
      const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(radius_[place]));
      return n_digits - 1 - (bits >> shift) % n_digits;
    };
    std::vector<std::size_t> start(n_digits + 1, 0);
    for (const std::size_t place : order) {
      ++start[digit_of(place) + 1];
    }
    std::partial_sum(start.begin(), start.end(), start.begin());
    for (const std::size_t place : order) {
      next[start[digit_of(place)]++] = place;
    }
    order.swap(next);
    job_.check();
  }
  return order;
}

// Gives every row a new place and every block its radius; order[i] is the old place of the new i.
void Ceilings::rearrange(const std::vector<std::size_t>& order) {
  const auto reorder = [&](auto& values) {
    if (values.empty()) {
      return;
    }
    const auto old = values;
    for_each_place(4096, [&](std::size_t place) { values[place] = old[order[place]]; });
  };
  reorder(standings_);
  reorder(base_);
  reorder(radius_);
  reorder(weight_);
  for_each_place(4096, [&](std::size_t place) { place_of_[standings_[place].row] = place; });
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const auto begin = radius_.begin() + static_cast<std::ptrdiff_t>(b * rows_per_block);
    const auto n = std::min<std::ptrdiff_t>(radius_.end() - begin, rows_per_block);
    blocks_[b] = {std::numeric_limits<double>::infinity(), *std::max_element(begin, begin + n),
                  0.0};
  }
  head_ = base_;
  if (!weight_.empty()) {
    for_each_place(4096, [&](std::size_t place) { head_[place] = weighted(base_[place], place); });
  }
}

}  // namespace thinset
