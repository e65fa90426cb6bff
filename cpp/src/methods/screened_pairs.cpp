#include "methods/screened_pairs.hpp"

#include <string>

#include "rows/column_summary.hpp"
#include "rows/magnitudes.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

ColumnSummary checked_summary(const AnyMatrix& matrix, const char* name, Job& job) {
  try {
    if (matrix.n_rows == 0 || matrix.n_columns == 0) {
      throw InvalidInput("must have at least one row and one column, got " +
                         std::to_string(matrix.n_rows) + " x " + std::to_string(matrix.n_columns));
    }
    ColumnSummary summary =
        visit(matrix, [&](const auto& rows) { return summarise_columns(rows, job); });
    check_largest_value(summary);
    return summary;
  } catch (const FormatError&) {
    throw;
  } catch (const InvalidInput& error) {
    throw InvalidInput(std::string(name) + ": " + error.what());
  }
}

}  // namespace

void check_pairs(const AnyMatrix& queries, const char* name_of_queries, const AnyMatrix& rows,
                 const char* name_of_rows, Job& job) {
  if (queries.n_columns != rows.n_columns) {
    throw InvalidInput(std::string(name_of_queries) + " and " + name_of_rows +
                       " must have the same number of columns, got " +
                       std::to_string(queries.n_columns) + " and " +
                       std::to_string(rows.n_columns));
  }
  if (queries.element != rows.element) {
    throw InvalidInput(std::string(name_of_queries) + " and " + name_of_rows +
                       " must have the same element type, got " +
                       std::string(to_string(queries.element)) + " and " +
                       std::string(to_string(rows.element)));
  }
  const ColumnSummary of_queries = checked_summary(queries, name_of_queries, job);
  ColumnSummary of_all = checked_summary(rows, name_of_rows, job);
  for (std::size_t j = 0; j < of_all.min.size(); ++j) {
    of_all.min[j] = std::min(of_all.min[j], of_queries.min[j]);
    of_all.max[j] = std::max(of_all.max[j], of_queries.max[j]);
  }
  check_span(of_all);
}

}  // namespace thinset
