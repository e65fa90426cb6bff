// Which rows may still be picked during a selection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace thinset {

// Rows are positions of a method's view. A row is open until it is picked or a limit closes it: its
// group is full, or it no longer fits into the budget. What closes stays closed, because groups
// only fill up and budgets only shrink; a method can therefore drop closed rows for good.
class Limits {
 public:
  explicit Limits(std::size_t n_rows) : is_open_(n_rows, 1), n_open_(n_rows) {}

  void close(std::size_t row) {
    n_open_ -= static_cast<std::size_t>(is_open_[row]);
    is_open_[row] = 0;
  }

  // No more than `most` rows of each group. group_of[row] < n_picked.size(), the picks of each
  // group so far; it must outlive this and is updated. Groups that are full already are closed.
  void limit_groups(std::vector<std::uint32_t> group_of, std::vector<std::size_t>& n_picked,
                    std::size_t most);
  // The first pick of a group takes all of its open rows (companions()), of which there must be at
  // most as many as `n_left`, the number of rows yet to be picked.
  void keep_groups_whole(std::vector<std::uint32_t> group_of, std::size_t n_groups,
                         std::size_t n_left);
  // The costs of the picks add up to at most `budget`. If groups are kept whole, call this after
  // keep_groups_whole.
  void limit_costs(std::vector<double> costs, double budget);

  [[nodiscard]] bool is_open(std::size_t row) const { return is_open_[row] != 0; }
  [[nodiscard]] std::size_t n_open() const { return n_open_; }
  [[nodiscard]] std::size_t size() const { return is_open_.size(); }

  // Counts a pick; body(row) for each row that this closes, the pick itself included if it was
  // open.
  template <class Body>
  void pick(std::size_t row, const Body& body) {
    closed_.clear();
    count(row);
    for (const std::size_t closed : closed_) {
      body(closed);
    }
  }

  // The rows that must be picked together with an open row, itself excluded, ascending; all of them
  // are open. Empty unless groups are kept whole.
  [[nodiscard]] std::vector<std::size_t> companions(std::size_t row) const;

  // The summed cost of the picks: of rows in their order, or of whole groups.
  [[nodiscard]] double spent() const { return spent_; }

 private:
  void count(std::size_t row);
  void close_and_list(std::size_t row);
  void close_unit(std::size_t unit);
  void close_what_no_longer_fits();
  void set_groups(std::vector<std::uint32_t> group_of, std::size_t n_groups);
  [[nodiscard]] std::span<const std::size_t> members_of(std::size_t group) const;
  [[nodiscard]] std::size_t unit_of(std::size_t row) const {
    return keeps_whole_ ? group_of_[row] : row;
  }

  std::vector<char> is_open_;
  std::size_t n_open_;
  std::vector<std::size_t> closed_;  // by the last pick

  std::vector<std::uint32_t> group_of_;
  std::vector<std::size_t> members_;       // rows by group, ascending within each
  std::vector<std::size_t> first_member_;  // of each group, in members_
  std::vector<std::size_t>* n_picked_ = nullptr;
  std::size_t most_per_group_ = 0;

  // What is picked at once is a unit: a group if groups are kept whole, otherwise a row.
  bool keeps_whole_ = false;
  std::vector<char> is_begun_;        // per group: some of it is picked, the rest will be
  std::vector<std::size_t> size_of_;  // per group: its open rows at the start
  std::vector<std::size_t> by_size_;  // groups, the largest first
  std::size_t next_large_ = 0;
  std::size_t n_left_ = 0;

  std::vector<double> cost_of_;       // per unit
  std::vector<std::size_t> by_cost_;  // units that still fit: a heap, the most expensive on top
  double budget_ = 0.0;
  double spent_ = 0.0;
};

}  // namespace thinset
