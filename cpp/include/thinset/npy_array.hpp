/// @file
/// NumPy's .npy format: versions 1 to 3, C order, plain element types of any rank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "thinset/api.hpp"
#include "thinset/mapped_file.hpp"
#include "thinset/matrix_view.hpp"

namespace thinset {

class InputFile;

}  // namespace thinset

namespace THINSET_API thinset {

class OutputFile;

struct NpyHeader {
  std::string descr;  ///< as in the file: "<f4", "|u1", "<U12"
  std::vector<std::uint64_t> shape;
  std::size_t item_size = 0;
  std::size_t data_offset = 0;

  [[nodiscard]] std::uint64_t n_items() const;
  [[nodiscard]] std::uint64_t n_bytes() const { return n_items() * item_size; }
  /// Rows of a gather: the length of the first axis, and the bytes per index of it.
  [[nodiscard]] std::uint64_t n_rows() const { return shape.empty() ? 0 : shape[0]; }
  [[nodiscard]] std::uint64_t row_bytes() const;
};

/// As Python prints it: "(3,)", "(50000, 216)".
std::string format_shape(std::span<const std::uint64_t> shape);

/// The longest header of any .npy file, magic and version included.
constexpr std::size_t max_npy_header = 12 + (std::size_t{1} << 20);

/// Checks everything before anything is allocated or trusted: magic, version, header length, the
/// dictionary's keys and types, the shape's product against overflow, and that the file has exactly
/// the bytes that the header states. Throws FormatError with `name` and the faulty byte or value.
NpyHeader parse_npy_header(std::span<const std::byte> file_start, std::uint64_t file_size,
                           const std::string& name);

/// The same from the first bytes of a file, without mapping it.
NpyHeader read_npy_header(const std::filesystem::path& path);
NpyHeader read_npy_header(const InputFile& file);

/// The header's bytes, padded so that the data start at a multiple of 64 (format version 1, or 2 if
/// the shape needs it).
std::vector<std::byte> format_npy_header(const std::string& descr,
                                         std::span<const std::uint64_t> shape);

/// A mapped .npy file.
class NpyArray {
 public:
  explicit NpyArray(const std::filesystem::path& path);

  [[nodiscard]] const NpyHeader& header() const noexcept { return header_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_.path(); }
  /// The whole file, for a MappingGuard.
  [[nodiscard]] const MappedFile& file() const noexcept { return file_; }
  [[nodiscard]] const std::byte* data() const noexcept {
    return file_.bytes().data() + header_.data_offset;
  }

  /// The array as embeddings. Throws InvalidInput unless it is 2-D of float16, float32 or float64
  /// in this machine's byte order.
  [[nodiscard]] AnyMatrix as_matrix() const;

  /// The array as integers widened to int64 (labels, indices). Throws InvalidInput unless it is 1-D
  /// of an integer type and every value fits.
  [[nodiscard]] std::vector<std::int64_t> as_int64() const;

  /// Row numbers: the integers, or the positions of the true ones of 1-D booleans.
  [[nodiscard]] std::vector<std::int64_t> as_row_numbers() const;
  /// The array as numbers widened to float64 (scores, costs). Throws InvalidInput unless it is 1-D
  /// of integers or floats in this machine's byte order.
  [[nodiscard]] std::vector<double> as_doubles() const;
  /// Whether the array is 1-D of text ("<U12", "|S12").
  [[nodiscard]] bool holds_text() const;
  /// Its entries as UTF-8, without the padding of zeros. Requires holds_text().
  [[nodiscard]] std::vector<std::string> as_text() const;

 private:
  [[nodiscard]] std::vector<std::int64_t> widened_integers() const;
  [[nodiscard]] std::vector<double> widened_numbers() const;

  MappedFile file_;
  NpyHeader header_;
};

/// Writes a 1-D int64 array and commits it.
void write_npy(OutputFile& output, std::span<const std::int64_t> values);

}  // namespace THINSET_API thinset
