// Standard output and standard error, with every write checked.
#pragma once

#include <filesystem>
#include <string_view>

namespace thinset::filter {

// Opens the standard streams that the parent process has closed, so that no data file gets their
// numbers. Writing to a stream opened here fails.
void occupy_standard_streams() noexcept;

// Writes to standard output. Throws FileError, or Interrupted if a signal arrives while it waits
// for the reader.
void print(std::string_view text);

// Closes standard output, which is when some file systems report a failed write. Throws FileError.
void close_output();

// Writes to standard error; returns false if that fails.
bool print_message(std::string_view text) noexcept;

// Whether standard output goes to this file.
bool is_standard_output(const std::filesystem::path& path) noexcept;

}  // namespace thinset::filter
