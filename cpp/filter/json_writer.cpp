#include "json_writer.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "text.hpp"

namespace thinset::filter {

namespace {

template <class Values, class Format>
std::string list(const Values& values, const Format& format) {
  std::string text = "[";
  for (const auto& value : values) {
    text += (text.size() == 1 ? "" : ", ") + format(value);
  }
  return text + "]";
}

std::string shortest(double value) {
  if (!std::isfinite(value)) {
    return "null";
  }
  std::array<char, 32> text;  // the longest is "-1.7976931348623157e+308"
  const auto [end, error] = std::to_chars(text.begin(), text.end(), value);
  return {text.begin(), end};
}

}  // namespace

void JsonObject::add_raw(std::string_view key, const std::string& value) {
  members_ += (members_.empty() ? "" : ", ") + json_string(key) + ": " + value;
}
void JsonObject::add(std::string_view key, std::string_view value) {
  add_raw(key, json_string(value));
}
void JsonObject::add(std::string_view key, std::uint64_t value) {
  add_raw(key, std::to_string(value));
}
void JsonObject::add(std::string_view key, double value) { add_raw(key, std::to_string(value)); }
void JsonObject::add(std::string_view key, std::span<const std::int64_t> values) {
  add_raw(key, list(values, [](std::int64_t value) { return std::to_string(value); }));
}
void JsonObject::add(std::string_view key, std::span<const double> values) {
  add_raw(key, list(values, shortest));
}
void JsonObject::add(std::string_view key, std::span<const std::string> values) {
  add_raw(key, list(values, json_string));
}

}  // namespace thinset::filter
