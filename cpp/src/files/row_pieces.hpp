// The rows of a gather: their positions in the source and in the new file.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace thinset {

// A row is one piece, or several if it is longer than max_piece, so that every piece fits a buffer.
// Pieces are numbered in the order of the new file, whose data they fill without gaps.
class RowPieces {
 public:
  static constexpr std::size_t max_piece = std::size_t{1} << 18;

  // The source's rows start at byte `source_offset` of it, those of the new file at
  // `target_offset`.
  RowPieces(std::span<const std::int64_t> indices, std::size_t row_bytes,
            std::uint64_t source_offset, std::uint64_t target_offset)
      : indices_(indices),
        row_bytes_(row_bytes),
        piece_bytes_(std::min(row_bytes, max_piece)),
        per_row_(row_bytes == 0 ? 0 : (row_bytes + piece_bytes_ - 1) / piece_bytes_),
        source_offset_(source_offset),
        target_offset_(target_offset) {}

  [[nodiscard]] std::size_t row_bytes() const noexcept { return row_bytes_; }
  [[nodiscard]] std::uint64_t source_of_row(std::size_t row) const noexcept {
    return source_offset_ + static_cast<std::uint64_t>(indices_[row]) * row_bytes_;
  }
  // The new file's data.
  [[nodiscard]] std::uint64_t target_begin() const noexcept { return target_offset_; }
  [[nodiscard]] std::uint64_t target_end() const noexcept {
    return target_offset_ + indices_.size() * row_bytes_;
  }

  [[nodiscard]] std::size_t count() const noexcept { return indices_.size() * per_row_; }
  // The size of every piece, except the last of a long row, which may be shorter.
  [[nodiscard]] std::size_t piece_bytes() const noexcept { return piece_bytes_; }

  [[nodiscard]] std::uint64_t source(std::size_t piece) const noexcept {
    return source_of_row(row(piece)) + start_in_row(piece);
  }
  [[nodiscard]] std::uint64_t target(std::size_t piece) const noexcept {
    return target_offset_ + row(piece) * row_bytes_ + start_in_row(piece);
  }
  [[nodiscard]] std::size_t size(std::size_t piece) const noexcept {
    return std::min(piece_bytes_, row_bytes_ - start_in_row(piece));
  }

 private:
  // Nearly every row is one piece, so avoid the division.
  [[nodiscard]] std::size_t row(std::size_t piece) const noexcept {
    return per_row_ == 1 ? piece : piece / per_row_;
  }
  [[nodiscard]] std::size_t start_in_row(std::size_t piece) const noexcept {
    return (piece - row(piece) * per_row_) * piece_bytes_;
  }

  std::span<const std::int64_t> indices_;
  std::size_t row_bytes_;
  std::size_t piece_bytes_;
  std::size_t per_row_;
  std::uint64_t source_offset_;
  std::uint64_t target_offset_;
};

}  // namespace thinset
