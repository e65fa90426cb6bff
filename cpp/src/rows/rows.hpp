// The rows of a matrix whose element type is known at compile time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rows/shard_table.hpp"
#include "thinset/error.hpp"
#include "thinset/matrix_view.hpp"

namespace thinset {

// Rows of one element type, all of them or those that `rows` names (in its order). Index i below is
// a position in this view; original(i) is the corresponding row of the matrix.
template <class T>
class Rows {
 public:
  // `shards`, if given, must outlive the view.
  Rows(const T* data, std::size_t n_rows, std::size_t n_columns, std::size_t row_stride,
       const ShardTable* shards = nullptr)
      : data_(data),
        shards_(shards),
        n_rows_(n_rows),
        n_columns_(n_columns),
        row_stride_(row_stride) {}

  [[nodiscard]] Rows restricted_to(std::span<const std::int64_t> rows) const {
    Rows view = *this;
    view.rows_ = rows.data();
    view.n_rows_ = rows.size();
    return view;
  }

  [[nodiscard]] std::size_t size() const noexcept { return n_rows_; }
  [[nodiscard]] std::size_t n_columns() const noexcept { return n_columns_; }

  // Whether each row follows the one before in memory.
  [[nodiscard]] bool are_contiguous() const noexcept {
    return rows_ == nullptr && shards_ == nullptr && row_stride_ == n_columns_;
  }

  [[nodiscard]] std::int64_t original(std::size_t i) const noexcept {
    return rows_ == nullptr ? static_cast<std::int64_t>(i) : rows_[i];
  }
  [[nodiscard]] const T* row(std::size_t i) const noexcept {
    const auto row = static_cast<std::size_t>(original(i));
    if (shards_ != nullptr) {
      const ShardTable::Place place = shards_->find(row);
      return static_cast<const T*>(place.data) + place.offset;
    }
    return data_ + row * row_stride_;
  }

 private:
  const T* data_;
  const ShardTable* shards_;
  const std::int64_t* rows_ = nullptr;
  std::size_t n_rows_;
  std::size_t n_columns_;
  std::size_t row_stride_;
};

// Calls visitor(Rows<T>) with the matrix's type.
template <class Visitor>
decltype(auto) visit(const AnyMatrix& matrix, Visitor&& visitor) {
  const auto as = [&]<class T>(const T* data) {
    return Rows<T>(data, matrix.n_rows, matrix.n_columns, matrix.row_stride, matrix.shards.get());
  };
  switch (matrix.element) {
    case Element::float32:
      return visitor(as(static_cast<const float*>(matrix.data)));
    case Element::float64:
      return visitor(as(static_cast<const double*>(matrix.data)));
    case Element::float16:
      return visitor(as(static_cast<const Float16*>(matrix.data)));
    case Element::bfloat16:
      return visitor(as(static_cast<const BFloat16*>(matrix.data)));
  }
  throw InvalidInput("unknown element type");
}

}  // namespace thinset
