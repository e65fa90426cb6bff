#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "files/input_file.hpp"
#include "thinset/error.hpp"
#include "thinset/npy_array.hpp"

namespace thinset {

namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t max_rank = 64;  // NumPy's own limit
// 64 axes and a text type need a few hundred bytes.
constexpr std::size_t max_header = max_npy_header - 12;
constexpr std::size_t alignment = 64;

[[noreturn]] void refuse(const std::string& name, const std::string& problem) {
  throw FormatError("'" + name + "' is not a usable .npy file: " + problem);
}

// Reads the header's dictionary: a Python literal with exactly the keys descr, fortran_order,
// shape.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::size_t offset, const std::string& name)
      : text_(text), offset_(offset), name_(name) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = parse_string();
      expect(':');
      if (key == "descr" && !has_descr) {
        has_descr = true;
        header.descr = parse_descr();
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        if (parse_bool()) {
          refuse(name_, "it is in Fortran order; save it in C order (numpy.ascontiguousarray)");
        }
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        header.shape = parse_shape();
      } else {
        fail("unexpected or repeated key '" + key + "'");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (position_ != text_.size()) {
      fail("text after the dictionary");
    }
    if (!has_descr || !has_order || !has_shape) {
      fail("the keys descr, fortran_order and shape are all required");
    }
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    refuse(name_, problem + " (byte " + std::to_string(offset_ + position_) + " of the header)");
  }

  void skip_space() {
    while (position_ < text_.size() &&
           (text_[position_] == ' ' || text_[position_] == '\n' || text_[position_] == '\t')) {
      ++position_;
    }
  }

  bool accept(char c) {
    skip_space();
    if (position_ < text_.size() && text_[position_] == c) {
      ++position_;
      return true;
    }
    return false;
  }

  void expect(char c) {
    if (!accept(c)) {
      fail(std::string("expected '") + c + "'");
    }
  }

  std::string parse_string() {
    skip_space();
    if (position_ >= text_.size() || (text_[position_] != '\'' && text_[position_] != '"')) {
      fail("expected a quoted string");
    }
    const char quote = text_[position_];
    const std::size_t end = text_.find(quote, position_ + 1);
    if (end == std::string_view::npos) {
      fail("unterminated string");
    }
    std::string value(text_.substr(position_ + 1, end - position_ - 1));
    position_ = end + 1;
    return value;
  }

  std::string parse_descr() {
    skip_space();
    if (position_ < text_.size() && text_[position_] == '[') {
      fail("structured element types are not supported");
    }
    return parse_string();
  }

  bool parse_bool() {
    skip_space();
    for (const auto& [word, value] :
         {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (text_.substr(position_).starts_with(word)) {
        position_ += word.size();
        return value;
      }
    }
    fail("fortran_order must be True or False");
  }

  std::vector<std::uint64_t> parse_shape() {
    std::vector<std::uint64_t> shape;
    expect('(');
    while (!accept(')')) {
      shape.push_back(parse_length());
      if (shape.size() > max_rank) {
        fail("more than " + std::to_string(max_rank) + " axes");
      }
      if (!accept(',')) {
        expect(')');
        if (shape.size() == 1) {
          fail("a shape of one axis needs a comma");
        }
        break;
      }
    }
    return shape;
  }

  std::uint64_t parse_length() {
    skip_space();
    std::uint64_t value = 0;
    const char* begin = text_.data() + position_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range) {
      fail("an axis longer than 2^64 - 1");
    }
    if (error != std::errc()) {
      fail("an axis length must be a non-negative integer");
    }
    position_ += static_cast<std::size_t>(end - begin);
    if (position_ < text_.size() && text_[position_] == 'L') {
      ++position_;  // written by Python 2
    }
    return value;
  }

  std::string_view text_;
  std::size_t offset_;
  const std::string& name_;
  std::size_t position_ = 0;
};

constexpr std::size_t max_item = std::size_t{1} << 30;  // of text; a number has at most 32 bytes

// Whether NumPy has a number type of this kind and size in bytes.
bool is_number(char kind, std::size_t size) {
  switch (kind) {
    case 'b':
      return size == 1;
    case 'i':
    case 'u':
      return size == 1 || size == 2 || size == 4 || size == 8;
    case 'f':
      return size == 2 || size == 4 || size == 8 || size == 16;
    case 'c':
      return size == 8 || size == 16 || size == 32;
    default:
      return false;
  }
}

// The allowed suffix of a time type: nothing, or a unit such as [ns] or [25s].
bool is_time_unit(std::string_view text) {
  if (text.empty()) {
    return true;
  }
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') {
    return false;
  }
  text = text.substr(1, text.size() - 2);
  std::size_t n_digits = 0;
  while (n_digits < text.size() && n_digits < 9 && text[n_digits] >= '0' && text[n_digits] <= '9') {
    ++n_digits;
  }
  constexpr std::array<std::string_view, 13> units = {"Y",  "M",  "W",  "D",  "h",  "m", "s",
                                                      "ms", "us", "ns", "ps", "fs", "as"};
  const bool counts_from_one = n_digits == 0 || text[0] != '0';
  return counts_from_one && std::ranges::find(units, text.substr(n_digits)) != units.end();
}

// The bytes of one item of a plain type such as <f4, |b1, <U12, <M8[ns].
std::size_t item_size_of(const std::string& descr, const std::string& name) {
  const auto refuse_type = [&](const std::string& problem) {
    refuse(name, "its element type '" + descr + "' " + problem);
  };
  if (descr.size() < 2 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos) {
    refuse_type("is unknown");
  }
  const char kind = descr[1];
  if (kind == 'O') {
    refuse_type("holds Python objects; plain numbers and text are supported");
  }
  std::size_t size = 0;
  const char* end = descr.data() + descr.size();
  const auto [stop, error] = std::from_chars(descr.data() + 2, end, size);
  const std::string_view rest(stop, static_cast<std::size_t>(end - stop));
  if (error == std::errc()) {
    const bool is_text = kind == 'S' || kind == 'U' || kind == 'V';
    if (is_text && rest.empty() && size <= max_item) {
      return kind == 'U' ? 4 * size : size;
    }
    const bool is_time = (kind == 'm' || kind == 'M') && size == 8 && is_time_unit(rest);
    if (is_time || (rest.empty() && is_number(kind, size))) {
      return size;
    }
  }
  refuse_type("is unknown");
  return 0;
}

// Even without rows, the number of columns must be representable.
std::uint64_t checked_bytes(const NpyHeader& header, const std::string& name) {
  std::uint64_t bytes = std::max<std::uint64_t>(header.item_size, 1);
  for (const std::uint64_t length : header.shape) {
    if (length != 0 && bytes > std::numeric_limits<std::int64_t>::max() / length) {
      refuse(name, "its shape " + format_shape(header.shape) +
                       " needs more bytes than 63 bits can count");
    }
    bytes *= std::max<std::uint64_t>(length, 1);
  }
  return header.n_bytes();
}

}  // namespace

std::string format_shape(std::span<const std::uint64_t> shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

std::uint64_t NpyHeader::n_items() const {
  std::uint64_t n = 1;
  for (const std::uint64_t length : shape) {
    n *= length;
  }
  return n;
}

std::uint64_t NpyHeader::row_bytes() const {
  std::uint64_t n = item_size;
  for (std::size_t axis = 1; axis < shape.size(); ++axis) {
    n *= shape[axis];
  }
  return n;
}

NpyHeader parse_npy_header(std::span<const std::byte> file_start, std::uint64_t file_size,
                           const std::string& name) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(file_start.data());
  if (file_start.size() < 10 || std::memcmp(bytes, magic.data(), magic.size()) != 0) {
    refuse(name, "it does not start with the .npy magic string");
  }
  const unsigned major = bytes[6];
  if (major < 1 || major > 3 || bytes[7] != 0) {
    refuse(name, "format version " + std::to_string(major) + "." + std::to_string(bytes[7]) +
                     " is unknown (1.0, 2.0 and 3.0 are supported)");
  }
  const std::size_t prefix = major == 1 ? 10 : 12;
  if (file_start.size() < prefix) {
    refuse(name, "it ends inside the header");
  }
  std::size_t length = bytes[8] | static_cast<std::size_t>(bytes[9]) << 8;
  if (major > 1) {
    length |= static_cast<std::size_t>(bytes[10]) << 16 | static_cast<std::size_t>(bytes[11]) << 24;
  }
  if (length > max_header) {
    refuse(name, "a header of " + std::to_string(length) + " bytes (at most " +
                     std::to_string(max_header) + " are read)");
  }
  if (file_start.size() < prefix + length) {
    refuse(name, "it ends inside the header");
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes) + prefix, length);
  NpyHeader header = HeaderParser(text, prefix, name).parse();
  header.item_size = item_size_of(header.descr, name);
  header.data_offset = prefix + length;
  const std::uint64_t expected = checked_bytes(header, name);
  if (file_size - header.data_offset != expected) {
    refuse(name, "its header states " + std::to_string(expected) + " bytes of data (shape " +
                     format_shape(header.shape) + ", type " + header.descr + "), the file has " +
                     std::to_string(file_size - header.data_offset));
  }
  return header;
}

std::vector<std::byte> format_npy_header(const std::string& descr,
                                         std::span<const std::uint64_t> shape) {
  std::string text =
      "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + format_shape(shape) + ", }";
  const auto padded = [&](std::size_t prefix) {
    const std::size_t used = prefix + text.size() + 1;
    return (used + alignment - 1) / alignment * alignment;
  };
  const bool is_long = padded(10) - 10 > std::numeric_limits<std::uint16_t>::max();
  const std::size_t prefix = is_long ? 12 : 10;
  const std::size_t total = padded(prefix);
  text.resize(total - prefix - 1, ' ');
  text += '\n';

  std::string header(magic);
  header += is_long ? '\x02' : '\x01';
  header += '\0';
  for (std::size_t i = 0; i < prefix - 8; ++i) {
    header += static_cast<char>((total - prefix) >> (8 * i) & 0xff);
  }
  header += text;
  const auto* begin = reinterpret_cast<const std::byte*>(header.data());
  return {begin, begin + header.size()};
}

}  // namespace thinset
