/// @file
/// k-means over rows that are in several places. The coordinator makes all decisions and sends
/// messages; each part answers them about its own rows. select() runs the same with one part, so
/// the result does not depend on how rows are divided, bit for bit: whatever is added up over rows
/// is added without rounding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "thinset/api.hpp"
#include "thinset/matrix_view.hpp"
#include "thinset/method_options.hpp"
#include "thinset/parallel_for.hpp"
#include "thinset/random.hpp"

namespace THINSET_API thinset {

enum class KMeansStep {
  describe,      ///< -> [first row, number of rows], lowest and highest value of every column
  read,          ///< [rows] -> [those of the part], their values
  lower,         ///< [centre], scale and values of a new seed -> [total weight], largest distance
  weigh,         ///< scale -> [total weight]
  draw,          ///< [first row of the part asked, target] -> [row], its values
  sizes,         ///< [number of centres] -> [rows of each cluster]
  furthest,      ///< [size of each cluster] -> [row, its cluster], its distance; nothing if none
  move,          ///< [row, cluster] -> nothing
  sums,          ///< [rows of all parts, number of centres], largest magnitude of every column
                 ///< -> high and low sums of every cluster
  assign,        ///< centres -> [whether any row changed, rows of each cluster]
  nearest,       ///< [number of centres] -> smallest distance in each cluster
  first_within,  ///< a distance for each cluster -> [the first row that is not further, or -1]
};

std::string_view to_string(KMeansStep step);
KMeansStep kmeans_step_from_name(std::string_view name);

/// Distances are squared, rows numbered through all parts.
struct KMeansMessage {
  KMeansStep step = KMeansStep::describe;
  std::vector<std::int64_t> integers;
  std::vector<double> values;
};
struct KMeansAnswer {
  std::vector<std::int64_t> integers;
  std::vector<double> values;
};

class KMeansCoordinator {
 public:
  /// For n_rows rows in all parts together. Throws InvalidInput unless 1 <= k <= n_rows. `random`
  /// must outlive the coordinator.
  KMeansCoordinator(std::size_t n_rows, std::size_t k, const KMeansOptions& options,
                    Random& random);
  ~KMeansCoordinator();

  /// Until this is true, every part must answer message(), and take() must be given the answers, in
  /// the order of the parts' rows.
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] const KMeansMessage& message() const;
  /// message(), which is then empty; for a single part.
  [[nodiscard]] KMeansMessage take_message();
  /// Throws InvalidInput if the parts do not cover all rows, have values that squares of distances
  /// cannot hold, or gave answers of the wrong shape.
  void take(std::vector<KMeansAnswer> answers);

  /// Units of progress: of k + n_iterations + 1, some of which may not be needed.
  [[nodiscard]] std::uint64_t n_done() const;

  /// Once done: the nearest row of every cluster, the largest cluster first, and the sizes.
  [[nodiscard]] std::vector<std::int64_t> indices() const;
  [[nodiscard]] std::vector<double> gains() const;
  /// The cluster of each of these rows.
  [[nodiscard]] const std::vector<std::size_t>& clusters() const;

 private:
  struct THINSET_LOCAL State;
  std::unique_ptr<State> state_;
};

/// The rows of one part, which must stay where they are.
class KMeansPart {
 public:
  /// Reads every value. Throws InvalidInput that names the first row of the part (from 0) that
  /// holds NaN or infinity.
  KMeansPart(const AnyMatrix& part, std::int64_t first_row, Job& job);
  ~KMeansPart();

  [[nodiscard]] std::size_t n_rows() const;

  /// The same messages in the same order bring any part with these rows to the same state. Throws
  /// InvalidInput for a message that is not of a coordinator of such parts.
  KMeansAnswer answer(KMeansMessage message, Job& job);

 private:
  class THINSET_LOCAL Rows;
  template <class T>
  class THINSET_LOCAL RowsOf;
  std::unique_ptr<Rows> rows_;
};

}  // namespace THINSET_API thinset
