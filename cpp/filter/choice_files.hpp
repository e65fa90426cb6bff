// The files that restrict or weigh a selection, read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "options.hpp"
#include "thinset/choice.hpp"
#include "thinset/npy_array.hpp"

namespace thinset::filter {

class ChoiceFiles {
 public:
  // Throws InvalidInput, and FileError, that names the file.
  explicit ChoiceFiles(const Options& options);
  ChoiceFiles(const ChoiceFiles&) = delete;
  ChoiceFiles& operator=(const ChoiceFiles&) = delete;

  // Views of this.
  [[nodiscard]] Choice choice() const;

 private:
  Choice plain_;
  std::optional<std::vector<std::int64_t>> exclude_;
  std::optional<std::vector<std::int64_t>> among_;
  std::optional<NpyArray> existing_;
  std::optional<std::vector<double>> scores_;
  std::optional<std::vector<std::int64_t>> groups_;
  std::optional<std::vector<double>> costs_;
};

// One name per row: of a .npy file of integers or text, or the lines of any other file.
std::vector<std::string> read_names(const std::filesystem::path& path);

// The ids of n_rows rows. Throws InvalidInput unless they are as many and all different.
std::vector<std::string> read_ids(const std::filesystem::path& path, std::size_t n_rows);

}  // namespace thinset::filter
