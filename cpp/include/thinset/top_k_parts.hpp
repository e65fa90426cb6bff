/// @file
/// Top-k selection from rows that are in several places: each part lists its best rows, and one
/// coordinator deals them out. The picks are those of select() from all rows in one matrix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "thinset/api.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/method_options.hpp"
#include "thinset/parallel_for.hpp"

namespace THINSET_API thinset {

/// The best rows of a part in every column: n_columns lists, each `depth` long, one after another.
struct TopKLists {
  std::size_t n_rows = 0;  ///< of the part, taken ones included
  std::size_t depth = 0;
  std::vector<std::int64_t> rows;   ///< of the whole, the best first (ties: lower row)
  std::vector<double> activations;  ///< of these rows
  /// All values of a column lie in [lowest, highest]: the same number if it has one value in the
  /// part, -inf and inf if it has several, inf and -inf if the part is empty.
  std::vector<double> lowest;
  std::vector<double> highest;
};

/// The best `depth` rows that are not taken, or all if these are fewer. Rows are numbered from
/// `first_row`; `taken` may name rows of other parts. Throws InvalidInput that names the first row
/// of the part (from 0) that holds NaN or infinity.
TopKLists top_k_lists(const AnyMatrix& part, std::int64_t first_row, TopKMode mode,
                      std::size_t depth, std::span<const std::int64_t> taken, Job& job);

class TopKCoordinator {
 public:
  /// For n_rows rows in all parts together. options.max_depth limits the length of the lists that
  /// are requested, which are longer than that only if one round of picks needs more. Throws
  /// InvalidInput as select() does.
  TopKCoordinator(std::size_t n_rows, std::size_t n_columns, std::size_t n_samples,
                  const TopKOptions& options, std::span<const std::int64_t> initial_subset);
  ~TopKCoordinator();

  /// Until this is true, request lists of depth() without taken() from every part, and deal() them.
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] std::size_t depth() const;
  [[nodiscard]] std::vector<std::int64_t> taken() const;  ///< ascending

  /// Throws InvalidInput unless the lists have the right shape and order and cover all rows.
  void deal(std::span<const TopKLists> lists, Job& job);

  [[nodiscard]] std::vector<std::int64_t> indices() const;
  [[nodiscard]] std::vector<double> gains() const;
  /// Columns with one value in every row; known after the first deal().
  [[nodiscard]] std::vector<std::int64_t> constant_columns() const;

 private:
  struct THINSET_LOCAL State;
  std::unique_ptr<State> state_;
};

}  // namespace THINSET_API thinset
