// One flat JSON object, written in the order its members are added.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace thinset::filter {

class JsonObject {
 public:
  void add(std::string_view key, std::string_view value);
  // Without this, a literal would convert to bool instead of string_view.
  void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
  void add(std::string_view key, std::uint64_t value);
  void add(std::string_view key, double value);
  void add(std::string_view key, std::span<const std::int64_t> values);
  // Each number in the shortest form that reads back as the same; null if it is not finite, which
  // JSON cannot write.
  void add(std::string_view key, std::span<const double> values);
  void add(std::string_view key, std::span<const std::string> values);

  [[nodiscard]] std::string text() const { return "{" + members_ + "}"; }

 private:
  void add_raw(std::string_view key, const std::string& value);
  std::string members_;
};

}  // namespace thinset::filter
