#include "methods/exact_order.hpp"

#include <cstddef>

namespace thinset {

ExactOrder::ExactOrder(Metric metric, std::span<const ExactSum> sums, std::uint64_t n)
    : is_cosine_(metric == Metric::cosine), n_(n) {
  for (const ExactSum& sum : sums) {
    sums_.emplace_back(sum);
    if (is_cosine_) {
      square_of_sums_ = square_of_sums_ + sums_.back() * sums_.back();
    }
  }
}

ExactOrder::Key ExactOrder::key(std::span<const double> x, double weight) const {
  Key key{ExactNumber(weight), {}, {}};
  for (std::size_t j = 0; j < x.size(); ++j) {
    const ExactNumber value(x[j]);
    if (is_cosine_) {
      key.dot = key.dot + value * sums_[j];
      key.square = key.square + value * value;
    } else {
      const ExactNumber difference = n_ * value - sums_[j];
      key.square = key.square + difference * difference;
    }
  }
  if (!is_cosine_) {
    key.square = key.weight * key.square;
  }
  return key;
}

bool ExactOrder::is_further(const Key& a, const Key& b) const {
  if (!is_cosine_) {
    return (a.square - b.square).sign() > 0;
  }
  // With p = weight * x.S and r the root of |x|^2 |S|^2, the distance is weight - p / r. The
  // difference of two is d + s with d of the weights, s = p_b / r_b - p_a / r_a.
  const ExactNumber& q = square_of_sums_;
  const ExactNumber p_a = a.weight * a.dot;
  const ExactNumber p_b = b.weight * b.dot;
  const ExactNumber d = a.weight - b.weight;
  // The sign of s r_a r_b / |S| = p_b |a| - p_a |b|, times |b| to have one root.
  const int of_s = sign_with_root(-(p_a * b.square), p_b, a.square * b.square);
  if (d.sign() == 0 || of_s == 0 || d.sign() == of_s) {
    return d.sign() + of_s > 0;
  }
  // d^2 - s^2, times r_a^2 r_b^2, is u + 2 p_a p_b r_a r_b.
  const ExactNumber r_a = a.square * q;
  const ExactNumber r_b = b.square * q;
  const ExactNumber u = d * d * r_a * r_b - p_b * p_b * r_a - p_a * p_a * r_b;
  const ExactNumber twice = ExactNumber(std::uint64_t{2}) * p_a * p_b;
  const int of_squares = sign_with_root(u, twice, r_a * r_b);
  return of_squares * d.sign() > 0;
}

}  // namespace thinset
