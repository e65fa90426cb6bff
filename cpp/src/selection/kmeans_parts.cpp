#include "thinset/kmeans_parts.hpp"

#include <limits>
#include <utility>

#include "methods/answering_rows.hpp"
#include "rows/column_summary.hpp"
#include "rows/rows.hpp"
#include "selection/row_checks.hpp"

namespace thinset {

// Hides the type of the elements.
class KMeansPart::Rows {
 public:
  virtual ~Rows() = default;
  virtual KMeansAnswer answer(KMeansMessage message, Job& job) = 0;
  [[nodiscard]] virtual std::size_t n_rows() const = 0;
};

template <class T>
class KMeansPart::RowsOf final : public KMeansPart::Rows {
 public:
  RowsOf(const thinset::Rows<T>& rows, ColumnSummary summary, std::int64_t first_row, Job& job)
      : rows_(rows, first_row, std::move(summary.min), std::move(summary.max), job) {}

  KMeansAnswer answer(KMeansMessage message, Job& job) override {
    return rows_.answer(std::move(message), job);
  }
  [[nodiscard]] std::size_t n_rows() const override { return rows_.clustered().rows().size(); }

 private:
  AnsweringRows<T> rows_;
};

KMeansPart::KMeansPart(const AnyMatrix& part, std::int64_t first_row, Job& job) {
  check_part(part, first_row);
  visit(part, [&]<class T>(const thinset::Rows<T>& rows) {
    rows_ = std::make_unique<RowsOf<T>>(rows, summarise_columns(rows, job), first_row, job);
  });
}

KMeansPart::~KMeansPart() = default;

std::size_t KMeansPart::n_rows() const { return rows_->n_rows(); }

KMeansAnswer KMeansPart::answer(KMeansMessage message, Job& job) {
  return rows_->answer(std::move(message), job);
}

}  // namespace thinset
