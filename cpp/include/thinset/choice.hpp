/// @file
/// Which rows may be chosen, and on what terms: arguments that all selection methods share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "thinset/api.hpp"
#include "thinset/matrix_view.hpp"

namespace THINSET_API thinset {

/// The rows that facility_location and kmeans represent: all, or only those that may be chosen.
enum class Cover { all, candidates };

Cover cover_from_name(std::string_view name);

/// Everything is optional; what is left out restricts nothing.
struct Choice {
  /// Rows that may not be chosen, and the only rows that may: row numbers, which may repeat. Rows
  /// of the initial subset are exempt.
  std::optional<std::span<const std::int64_t>> exclude;
  std::optional<std::span<const std::int64_t>> among;
  std::optional<Cover> cover;

  /// Rows of other data that are owned already; of the embeddings' type and width.
  std::optional<AnyMatrix> existing;

  /// One per row, higher is better. A gain counts times score^score_weight (default 1); rows below
  /// min_score may not be chosen.
  std::optional<std::span<const double>> scores;
  std::optional<double> score_weight;
  std::optional<double> min_score;

  /// One per row; rows with equal numbers form a group.
  std::optional<std::span<const std::int64_t>> groups;
  std::optional<std::size_t> max_per_group;
  /// All rows of a group that may be chosen, or none.
  bool whole_groups = false;
  /// No group gives a second row before each has given one.
  bool one_per_group_first = false;

  /// One positive cost per row; those of the chosen rows add up to at most `budget`.
  std::optional<std::span<const double>> costs;
  std::optional<double> budget;

  /// For max_min: rows that are no further than this from the chosen ones are not chosen.
  std::optional<double> min_distance;

  [[nodiscard]] bool restricts_rows() const { return exclude || among || min_score; }
  /// Whether it is the choice of a plain call.
  [[nodiscard]] bool is_free() const {
    return !restricts_rows() && !cover && !existing && !scores && !score_weight && !groups &&
           !max_per_group && !whole_groups && !one_per_group_first && !costs && !budget &&
           !min_distance;
  }
};

}  // namespace THINSET_API thinset
