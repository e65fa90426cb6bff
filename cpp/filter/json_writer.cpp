#include "json_writer.hpp"

#include <array>
#include <cstdio>

namespace thinset::filter {

namespace {

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      quoted += escape.data();
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

template <class Values, class Format>
std::string list(const Values& values, const Format& format) {
  std::string text = "[";
  for (const auto& value : values) {
    text += (text.size() == 1 ? "" : ", ") + format(value);
  }
  return text + "]";
}

}  // namespace

void JsonObject::add_raw(std::string_view key, const std::string& value) {
  members_ += (members_.empty() ? "" : ", ") + quote(key) + ": " + value;
}
void JsonObject::add(std::string_view key, std::string_view value) { add_raw(key, quote(value)); }
void JsonObject::add(std::string_view key, std::uint64_t value) {
  add_raw(key, std::to_string(value));
}
void JsonObject::add(std::string_view key, double value) { add_raw(key, std::to_string(value)); }
void JsonObject::add(std::string_view key, std::span<const std::int64_t> values) {
  add_raw(key, list(values, [](std::int64_t value) { return std::to_string(value); }));
}
void JsonObject::add(std::string_view key, std::span<const std::string> values) {
  add_raw(key, list(values, quote));
}

}  // namespace thinset::filter
