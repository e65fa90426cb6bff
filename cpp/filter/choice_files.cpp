#include "choice_files.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "text.hpp"
#include "thinset/error.hpp"
#include "thinset/mapped_file.hpp"

namespace thinset::filter {

namespace {

bool is_npy(const std::filesystem::path& path) { return path.extension() == ".npy"; }

// Equal names get equal numbers.
std::vector<std::int64_t> read_groups(const std::filesystem::path& path) {
  if (is_npy(path)) {
    const NpyArray array(path);
    if (!array.holds_text()) {
      return array.as_int64();
    }
  }
  std::unordered_map<std::string, std::int64_t> numbers;
  std::vector<std::int64_t> groups;
  for (std::string& name : read_names(path)) {
    const auto next = static_cast<std::int64_t>(numbers.size());
    groups.push_back(numbers.try_emplace(std::move(name), next).first->second);
  }
  return groups;
}

std::vector<std::string> split_lines(std::string_view text) {
  // Some editors put a byte order mark in front.
  constexpr std::string_view mark = "\xef\xbb\xbf";
  if (text.starts_with(mark)) {
    text.remove_prefix(mark.size());
  }
  std::vector<std::string> lines;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    lines.emplace_back(line);
  }
  return lines;
}

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  const MappedFile file(path);
  return read_whole(file, [&] {
    const std::span<const std::byte> bytes = file.bytes();
    return split_lines({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  });
}

}  // namespace

std::vector<std::string> read_names(const std::filesystem::path& path) {
  if (!is_npy(path)) {
    return read_lines(path);
  }
  const NpyArray array(path);
  if (array.holds_text()) {
    return array.as_text();
  }
  std::vector<std::string> names;
  for (const std::int64_t number : array.as_int64()) {
    names.push_back(std::to_string(number));
  }
  return names;
}

std::vector<std::string> read_ids(const std::filesystem::path& path, std::size_t n_rows) {
  std::vector<std::string> ids = read_names(path);
  if (ids.size() != n_rows) {
    throw InvalidInput("ids must have one entry per row: expected " + std::to_string(n_rows) +
                       ", got " + std::to_string(ids.size()) + " in '" + path.string() + "'");
  }
  std::unordered_map<std::string_view, std::size_t> rows;
  for (std::size_t row = 0; row < ids.size(); ++row) {
    const auto [first, is_new] = rows.try_emplace(ids[row], row);
    if (!is_new) {
      throw InvalidInput("ids must all be different: rows " + std::to_string(first->second) +
                         " and " + std::to_string(row) + " both have '" + shortened(ids[row]) +
                         "' in '" + path.string() + "'");
    }
  }
  return ids;
}

ChoiceFiles::ChoiceFiles(const Options& options) : plain_(options.request.choice) {
  const auto& files = options.choice_files;
  if (!files.exclude.empty()) exclude_ = NpyArray(files.exclude).as_row_numbers();
  if (!files.among.empty()) among_ = NpyArray(files.among).as_row_numbers();
  if (!files.existing.empty()) existing_.emplace(files.existing);
  if (!files.scores.empty()) scores_ = NpyArray(files.scores).as_doubles();
  if (!files.groups.empty()) groups_ = read_groups(files.groups);
  if (!files.costs.empty()) costs_ = NpyArray(files.costs).as_doubles();
}

Choice ChoiceFiles::choice() const {
  Choice choice = plain_;
  if (exclude_) choice.exclude = *exclude_;
  if (among_) choice.among = *among_;
  if (existing_) {
    try {
      choice.existing = existing_->as_matrix();
    } catch (const FormatError&) {
      throw;
    } catch (const InvalidInput& error) {
      throw InvalidInput(std::string("existing: ") + error.what());
    }
  }
  if (scores_) choice.scores = *scores_;
  if (groups_) choice.groups = *groups_;
  if (costs_) choice.costs = *costs_;
  return choice;
}

}  // namespace thinset::filter
