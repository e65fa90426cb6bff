#include "thinset/npy_array.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "files/input_file.hpp"
#include "rows/widened.hpp"
#include "simd/row_kernels.hpp"
#include "thinset/error.hpp"
#include "thinset/output_file.hpp"

namespace thinset {

namespace {

// '<' or '>' if it is this machine's order; '|' and '=' always.
bool is_native_order(char order) {
  constexpr char foreign = std::endian::native == std::endian::little ? '>' : '<';
  return order != foreign;
}

template <class Integer>
std::vector<std::int64_t> widen_integers(const std::byte* data, std::size_t n,
                                         const std::string& name) {
  std::vector<std::int64_t> values(n);
  for (std::size_t i = 0; i < n; ++i) {
    Integer value;
    std::memcpy(&value, data + i * sizeof(Integer), sizeof(Integer));
    if (!std::in_range<std::int64_t>(value)) {
      throw InvalidInput("'" + name + "' must hold values below 2^63: entry " + std::to_string(i) +
                         " is " + std::to_string(value));
    }
    values[i] = static_cast<std::int64_t>(value);
  }
  return values;
}

// Bytes of byte strings are kept as they are.
void append_utf8(std::string& text, char32_t point, bool is_code_point) {
  const auto append = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  const auto tail = [&](int shift) { append(0x80U | ((point >> shift) & 0x3fU)); };
  if (!is_code_point || point < 0x80) {
    append(point);
  } else if (point < 0x800) {
    append(0xc0U | (point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    append(0xe0U | (point >> 12));
    tail(6);
    tail(0);
  } else {
    append(0xf0U | ((point >> 18) & 0x7U));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

NpyHeader read_npy_header(const InputFile& file) {
  constexpr std::size_t longest_in_version_1 = 10 + (std::size_t{1} << 16);
  std::vector<std::byte> start(std::min<std::uint64_t>(file.size(), longest_in_version_1));
  file.read_at(0, start);
  if (start.size() == longest_in_version_1 && start[6] != std::byte{1}) {
    start.resize(std::min<std::uint64_t>(file.size(), max_npy_header));
    file.read_at(0, start);
  }
  return parse_npy_header(start, file.size(), file.path().string());
}

NpyHeader read_npy_header(const std::filesystem::path& path) {
  return read_npy_header(InputFile(path));
}

NpyArray::NpyArray(const std::filesystem::path& path)
    : file_(path), header_(read_whole(file_, [&] {
        return parse_npy_header(file_.bytes(), file_.bytes().size(), path.string());
      })) {}

AnyMatrix NpyArray::as_matrix() const {
  std::optional<Element> element;
  if (is_native_order(header_.descr[0])) {
    const std::string type = header_.descr.substr(1);
    if (type == "f4") element = Element::float32;
    if (type == "f8") element = Element::float64;
    if (type == "f2") element = Element::float16;
  }
  if (!element || header_.shape.size() != 2) {
    throw InvalidInput(
        "embeddings must be a 2-D array of float16, float32 or float64 in native "
        "byte order; '" +
        path().string() + "' has type " + header_.descr + " and shape " +
        format_shape(header_.shape));
  }
  if (header_.data_offset % header_.item_size != 0) {
    throw FormatError("'" + path().string() +
                      "' is not a usable .npy file: its data start at byte " +
                      std::to_string(header_.data_offset) + ", not aligned to its elements");
  }
  return {data(), *element, header_.shape[0], header_.shape[1], header_.shape[1]};
}

std::vector<std::int64_t> NpyArray::as_int64() const {
  return read_whole(file_, [&] { return widened_integers(); });
}

std::vector<std::int64_t> NpyArray::widened_integers() const {
  const std::string type = header_.descr.substr(1);
  if (header_.shape.size() == 1 && is_native_order(header_.descr[0])) {
    const std::size_t n = header_.shape[0];
    const std::string name = path().string();
    if (type == "i8") return widen_integers<std::int64_t>(data(), n, name);
    if (type == "i4") return widen_integers<std::int32_t>(data(), n, name);
    if (type == "i2") return widen_integers<std::int16_t>(data(), n, name);
    if (type == "i1") return widen_integers<std::int8_t>(data(), n, name);
    if (type == "u8") return widen_integers<std::uint64_t>(data(), n, name);
    if (type == "u4") return widen_integers<std::uint32_t>(data(), n, name);
    if (type == "u2") return widen_integers<std::uint16_t>(data(), n, name);
    if (type == "u1") return widen_integers<std::uint8_t>(data(), n, name);
  }
  throw InvalidInput("'" + path().string() +
                     "' must be a 1-D array of integers in native byte order; it has type " +
                     header_.descr + " and shape " + format_shape(header_.shape));
}

std::vector<std::int64_t> NpyArray::as_row_numbers() const {
  if (header_.shape.size() != 1 || header_.descr.substr(1) != "b1") {
    return as_int64();
  }
  return read_whole(file_, [&] {
    std::vector<std::int64_t> rows;
    for (std::size_t i = 0; i < header_.shape[0]; ++i) {
      if (data()[i] != std::byte{0}) {
        rows.push_back(static_cast<std::int64_t>(i));
      }
    }
    return rows;
  });
}

std::vector<double> NpyArray::as_doubles() const {
  return read_whole(file_, [&] { return widened_numbers(); });
}

std::vector<double> NpyArray::widened_numbers() const {
  const std::string type = header_.descr.substr(1);
  const bool is_line = header_.shape.size() == 1 && is_native_order(header_.descr[0]);
  const auto widen = [&]<class T>(T /*type*/) {
    std::vector<double> values(header_.shape[0]);
    for (std::size_t i = 0; i < values.size(); ++i) {
      T value;
      std::memcpy(&value, data() + i * sizeof(T), sizeof(T));
      if constexpr (std::is_same_v<T, Float16>) {
        values[i] = widened(&value);
      } else {
        values[i] = static_cast<double>(value);
      }
    }
    return values;
  };
  if (is_line && type == "f8") return widen(double{});
  if (is_line && type == "f4") return widen(float{});
  if (is_line && type == "f2") return widen(Float16{});
  if (is_line && (type[0] == 'i' || type[0] == 'u')) {
    const std::vector<std::int64_t> integers = widened_integers();
    return {integers.begin(), integers.end()};
  }
  throw InvalidInput("'" + path().string() +
                     "' must be a 1-D array of numbers in native byte order; it has type " +
                     header_.descr + " and shape " + format_shape(header_.shape));
}

bool NpyArray::holds_text() const {
  const char kind = header_.descr[1];
  return header_.shape.size() == 1 && is_native_order(header_.descr[0]) &&
         (kind == 'U' || kind == 'S');
}

std::vector<std::string> NpyArray::as_text() const {
  return read_whole(file_, [&] {
    const bool is_wide = header_.descr[1] == 'U';
    const std::size_t unit = is_wide ? 4 : 1;
    std::vector<std::string> texts(header_.shape[0]);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      std::u32string code_points(header_.item_size / unit, U'\0');
      for (std::size_t c = 0; c < code_points.size(); ++c) {
        const std::byte* from = data() + i * header_.item_size + c * unit;
        std::uint32_t value = std::to_integer<std::uint32_t>(*from);
        if (is_wide) {
          std::memcpy(&value, from, unit);
        }
        code_points[c] = static_cast<char32_t>(value);
      }
      while (!code_points.empty() && code_points.back() == U'\0') {
        code_points.pop_back();
      }
      for (const char32_t point : code_points) {
        append_utf8(texts[i], point, is_wide);
      }
    }
    return texts;
  });
}

void write_npy(OutputFile& output, std::span<const std::int64_t> values) {
  const std::uint64_t length = values.size();
  constexpr bool little = std::endian::native == std::endian::little;
  const auto header = format_npy_header(little ? "<i8" : ">i8", std::span(&length, 1));
  output.write_at(0, header);
  output.write_at(header.size(), std::as_bytes(values));
  output.commit();
}

}  // namespace thinset
