#include "methods/limits.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace thinset {

void Limits::set_groups(std::vector<std::uint32_t> group_of, std::size_t n_groups) {
  group_of_ = std::move(group_of);
  first_member_.assign(n_groups + 1, 0);
  for (const std::uint32_t group : group_of_) {
    ++first_member_[group + 1];
  }
  std::partial_sum(first_member_.begin(), first_member_.end(), first_member_.begin());
  members_.resize(group_of_.size());
  std::vector<std::size_t> next(first_member_.begin(), first_member_.end() - 1);
  for (std::size_t row = 0; row < group_of_.size(); ++row) {
    members_[next[group_of_[row]]++] = row;
  }
}

std::span<const std::size_t> Limits::members_of(std::size_t group) const {
  return std::span(members_).subspan(first_member_[group],
                                     first_member_[group + 1] - first_member_[group]);
}

void Limits::limit_groups(std::vector<std::uint32_t> group_of, std::vector<std::size_t>& n_picked,
                          std::size_t most) {
  set_groups(std::move(group_of), n_picked.size());
  n_picked_ = &n_picked;
  most_per_group_ = most;
  for (std::size_t row = 0; row < group_of_.size(); ++row) {
    if (n_picked[group_of_[row]] >= most) {
      close(row);
    }
  }
}

void Limits::keep_groups_whole(std::vector<std::uint32_t> group_of, std::size_t n_groups,
                               std::size_t n_left) {
  set_groups(std::move(group_of), n_groups);
  keeps_whole_ = true;
  n_left_ = n_left;
  is_begun_.assign(n_groups, 0);
  size_of_.assign(n_groups, 0);
  for (std::size_t row = 0; row < group_of_.size(); ++row) {
    size_of_[group_of_[row]] += static_cast<std::size_t>(is_open(row));
  }
  by_size_.resize(n_groups);
  std::iota(by_size_.begin(), by_size_.end(), std::size_t{0});
  std::ranges::sort(by_size_,
                    [&](std::size_t a, std::size_t b) { return size_of_[a] > size_of_[b]; });
  close_what_no_longer_fits();
}

void Limits::limit_costs(std::vector<double> costs, double budget) {
  budget_ = budget;
  if (keeps_whole_) {
    cost_of_.assign(size_of_.size(), 0.0);
    for (std::size_t row = 0; row < costs.size(); ++row) {
      if (is_open(row)) {
        cost_of_[group_of_[row]] += costs[row];
      }
    }
  } else {
    cost_of_ = std::move(costs);
  }
  by_cost_.resize(cost_of_.size());
  std::iota(by_cost_.begin(), by_cost_.end(), std::size_t{0});
  std::ranges::make_heap(by_cost_, {}, [&](std::size_t unit) { return cost_of_[unit]; });
  close_what_no_longer_fits();
}

void Limits::close_and_list(std::size_t row) {
  if (is_open(row)) {
    close(row);
    closed_.push_back(row);
  }
}

void Limits::close_unit(std::size_t unit) {
  if (!keeps_whole_) {
    close_and_list(unit);
  } else if (is_begun_[unit] == 0) {
    std::ranges::for_each(members_of(unit), [&](std::size_t row) { close_and_list(row); });
  }
}

void Limits::close_what_no_longer_fits() {
  for (; next_large_ < by_size_.size() && size_of_[by_size_[next_large_]] > n_left_;
       ++next_large_) {
    close_unit(by_size_[next_large_]);
  }
  const auto cost = [&](std::size_t unit) { return cost_of_[unit]; };
  while (!by_cost_.empty() && spent_ + cost(by_cost_.front()) > budget_) {
    close_unit(by_cost_.front());
    std::ranges::pop_heap(by_cost_, {}, cost);
    by_cost_.pop_back();
  }
}

void Limits::count(std::size_t row) {
  close_and_list(row);
  if (n_picked_ != nullptr && ++(*n_picked_)[group_of_[row]] >= most_per_group_) {
    std::ranges::for_each(members_of(group_of_[row]),
                          [&](std::size_t member) { close_and_list(member); });
  }
  const std::size_t unit = unit_of(row);
  if (keeps_whole_) {
    if (is_begun_[unit] != 0) {
      return;
    }
    is_begun_[unit] = 1;
    n_left_ -= std::min(n_left_, size_of_[unit]);
  }
  if (!cost_of_.empty()) {
    spent_ += cost_of_[unit];
  }
  close_what_no_longer_fits();
}

std::vector<std::size_t> Limits::companions(std::size_t row) const {
  std::vector<std::size_t> rows;
  if (keeps_whole_) {
    std::ranges::copy_if(members_of(group_of_[row]), std::back_inserter(rows),
                         [&](std::size_t member) { return member != row && is_open(member); });
  }
  return rows;
}

}  // namespace thinset
