// Numbers as messages show them.
#pragma once

#include <array>
#include <charconv>
#include <string>

namespace thinset {

// The shortest text that reads as the same number: std::to_string has 300 digits for 1e300, and
// shows 1e-9 as 0.
inline std::string text_of(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

}  // namespace thinset
