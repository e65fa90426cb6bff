// The rows that a selection on terms (choice.hpp) picks from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "methods/terms.hpp"
#include "selection/class_budgets.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/selection.hpp"

namespace thinset {

// Refuses a choice whose parts do not go together, with the method or with the shape of the
// embeddings. Reads no entries.
void check_choice(const AnyMatrix& embeddings, const SelectionRequest& request);

// What rows compete by: their gain times factor / cost, or times the factor alone.
enum class Competition { by_weight, by_factor };

// Rows are numbered as in stacked(): those of the embeddings, then those of `existing`.
class Pool {
 public:
  // Reads the entries of the choice. Throws InvalidInput that names the first bad one, and if too
  // few rows may be chosen.
  Pool(const AnyMatrix& embeddings, const SelectionRequest& request);

  [[nodiscard]] AnyMatrix stacked(const AnyMatrix& embeddings) const;

  // The rows that the method sees, in one part or one for each class: those that may be chosen and
  // those of the initial subset, or all that are to be represented; then all rows of `existing`.
  [[nodiscard]] const std::vector<ClassBudget>& parts() const { return parts_; }
  // Whether a part has all rows of the matrix, and none elsewhere.
  [[nodiscard]] bool is_whole(const ClassBudget& part) const {
    return part.rows.size() == n_rows_ && n_existing_ == 0;
  }
  // The first picks in a part: the rows of `existing`, then those of the initial subset.
  [[nodiscard]] std::vector<std::size_t> initial(const ClassBudget& part) const;
  // With at most so many rows of each group, if that is limited. Must not outlive the pool, which
  // counts the picks of each group through all parts.
  [[nodiscard]] Terms terms(const ClassBudget& part, std::optional<std::size_t> most_per_group,
                            Competition competition);
  // Until a part begins, its rows of the initial subset count as picks of their groups, so that the
  // parts before it leave room for them.
  void begin(const ClassBudget& part);
  // The counts start over.
  void forget_picks();

  [[nodiscard]] std::size_t n_groups() const { return n_groups_; }

  // Whether a selection may have fewer rows than n_samples.
  [[nodiscard]] bool may_fall_short() const;

 private:
  void allow_rows();
  void read_scores();
  void read_costs();
  void number_groups();
  void require_enough() const;
  void require_room_in_groups() const;
  void settle_n_samples();
  void split();
  [[nodiscard]] bool sees_all_rows() const;
  [[nodiscard]] bool may_be_picked(std::size_t row) const {
    return is_allowed_[row] != 0 || is_initial_[row] != 0;
  }
  [[nodiscard]] std::vector<double> weights(Competition competition) const;
  void require_comparable(const std::vector<double>& weights, double largest) const;
  // values[row] for the rows of a part.
  template <class Values, class Value>
  [[nodiscard]] auto gathered(const ClassBudget& part, const Values& values, Value elsewhere) const;

  const SelectionRequest& request_;
  const Choice& choice_;
  std::size_t n_rows_;
  std::size_t n_existing_;
  std::size_t n_samples_;
  std::vector<char> is_allowed_;
  std::vector<char> is_initial_;
  std::size_t n_not_among_ = 0;
  std::size_t n_excluded_ = 0;
  std::size_t n_low_ = 0;      // by their scores
  std::size_t n_allowed_ = 0;  // without rows of the initial subset

  std::vector<double> factors_;
  std::vector<double> weights_;
  std::vector<std::uint32_t> group_of_;
  std::size_t n_groups_ = 0;
  std::vector<std::size_t> n_picked_of_group_;

  std::vector<ClassBudget> parts_;
};

}  // namespace thinset
