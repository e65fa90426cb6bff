// Any bytes as a .npy file: the parser refuses them with a FormatError or returns a consistent
// header that survives a round trip.
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "thinset/error.hpp"
#include "thinset/npy_array.hpp"

using thinset::format_npy_header;
using thinset::NpyHeader;
using thinset::parse_npy_header;

namespace {

void require(bool met) {
  if (!met) {
    __builtin_trap();
  }
}

void check_accepted(const NpyHeader& header, std::uint64_t file_size) {
  require(header.data_offset <= file_size);
  for (const std::uint64_t length : header.shape) {
    require(std::in_range<std::int64_t>(length));
  }
  require(header.n_bytes() == file_size - header.data_offset);
  require(header.n_rows() == 0 || header.row_bytes() * header.n_rows() == header.n_bytes());

  // The header that gather writes for such an array must describe the same array.
  const std::vector<std::byte> written = format_npy_header(header.descr, header.shape);
  const NpyHeader again =
      parse_npy_header(written, written.size() + header.n_bytes(), "written again");
  require(again.descr == header.descr && again.shape == header.shape);
  require(again.item_size == header.item_size && again.data_offset == written.size());
}

}  // namespace

// The last two bytes give the length of the data, so that large shapes can be valid too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::span bytes = std::as_bytes(std::span(data, size - 2));
  const std::uint64_t file_size = bytes.size() + data[size - 2] + 256U * data[size - 1];
  NpyHeader header;
  try {
    header = parse_npy_header(bytes, file_size, "fuzzed");
  } catch (const thinset::FormatError&) {
    return 0;
  }
  check_accepted(header, file_size);
  return 0;
}
