// Text for terminals and for JSON from arbitrary bytes, such as file names.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace thinset::filter {

// The length of the valid UTF-8 character that `text` starts with; 0 if there is none.
std::size_t utf8_length(std::string_view text) noexcept;

// One line for a terminal: control characters become escapes such as \n or \x1b. Other bytes are
// kept.
std::string printable(std::string_view text);

// A JSON string. A byte that is not UTF-8 becomes a lone surrogate, \udc80 to \udcff, as with
// Python's surrogateescape: os.fsencode() of the string that a JSON reader returns is the file
// name.
std::string json_string(std::string_view text);

// At most a line: a long text is cut, and its length is stated.
std::string shortened(std::string_view text);

}  // namespace thinset::filter
