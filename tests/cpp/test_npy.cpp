#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "check.hpp"
#include "sample_data.hpp"
#include "thinset/error.hpp"
#include "thinset/npy_array.hpp"
#include "thinset/output_file.hpp"

using namespace thinset;

namespace {

NpyHeader parse(const std::string& bytes, std::uint64_t file_size) {
  return parse_npy_header(std::as_bytes(std::span(bytes)), file_size, "x.npy");
}

std::string as_text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST(a_header_is_what_was_asked_for) {
  for (const std::vector<std::uint64_t>& shape :
       {std::vector<std::uint64_t>{}, {0}, {3}, {50000, 216}, {7, 5, 3, 2}}) {
    const std::string header = as_text(format_npy_header("<f4", shape));
    CHECK(header.size() % 64 == 0 && header.back() == '\n');
    std::uint64_t items = 1;
    for (const std::uint64_t length : shape) items *= length;
    const NpyHeader parsed = parse(header, header.size() + 4 * items);
    CHECK(parsed.shape == shape && parsed.descr == "<f4" && parsed.item_size == 4);
    CHECK(parsed.data_offset == header.size() && parsed.n_bytes() == 4 * items);
  }
}

TEST(versions_two_and_three_are_read) {
  for (const char version : {'\x02', '\x03'}) {
    std::string text = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
    std::string header = "\x93NUMPY";
    header += version;
    header += std::string("\0", 1) + static_cast<char>(text.size()) + std::string("\0\0\0", 3);
    header += text;
    CHECK(parse(header, header.size() + 2).shape == std::vector<std::uint64_t>{2});
  }
}

TEST(every_cut_of_a_file_is_refused) {
  const std::string whole =
      as_text(format_npy_header("<f8", std::vector<std::uint64_t>{2, 3})) + std::string(48, 'x');
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    check::message_of<FormatError>([&] { parse(cut, cut.size()); });
  }
  CHECK(parse(whole, whole.size()).n_items() == 6);
}

TEST(every_single_damaged_byte_is_refused_or_harmless) {
  const std::string whole =
      as_text(format_npy_header("<f8", std::vector<std::uint64_t>{2, 3})) + std::string(48, 'x');
  for (std::size_t at = 0; at < whole.size() - 48; ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(value);
      try {
        const NpyHeader header = parse(damaged, damaged.size());
        CHECK(header.data_offset + header.n_bytes() == damaged.size());
      } catch (const FormatError&) {
      }
    }
  }
}

TEST(integers_are_widened_and_checked) {
  const sample::Folder folder;
  const std::vector<std::int64_t> values = {0, -5, std::int64_t{1} << 40};
  OutputFile output(folder / "a.npy");
  write_npy(output, values);
  CHECK(NpyArray(folder / "a.npy").as_int64() == values);
  CHECK(folder.n_entries() == 1);

  std::ofstream file(folder / "u8.npy", std::ios::binary);
  file << as_text(format_npy_header("<u8", std::vector<std::uint64_t>{1}))
       << std::string(8, '\xff');
  file.close();
  CHECK(check::contains(
      check::message_of<InvalidInput>([&] { (void)NpyArray(folder / "u8.npy").as_int64(); }),
      "entry 0 is 18446744073709551615"));
  CHECK(check::contains(
      check::message_of<InvalidInput>([&] { (void)NpyArray(folder / "a.npy").as_matrix(); }),
      "type <i8 and shape (3,)"));
}

TEST(a_missing_file_is_a_file_error) {
  const std::string message =
      check::message_of<FileError>([] { NpyArray array("/nonexistent/x.npy"); });
  CHECK(message == "cannot open '/nonexistent/x.npy': No such file or directory");
}

TEST_MAIN
