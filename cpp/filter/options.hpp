// argv as a value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "thinset/selection.hpp"

namespace thinset::filter {

// The command line is wrong; the message says how. Exit status 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Command { select, gather, filter, info, help, version };

// Files with an entry per row, or with rows; empty where there is none.
struct ChoicePaths {
  std::filesystem::path exclude;
  std::filesystem::path among;
  std::filesystem::path existing;
  std::filesystem::path scores;
  std::filesystem::path groups;
  std::filesystem::path costs;
};

struct Options {
  Command command = Command::help;
  std::vector<std::filesystem::path> files;
  std::filesystem::path output;
  // A count or a fraction, resolved once the number of rows is known; empty to leave it to a budget
  // or a min_distance.
  std::string n_samples;
  std::filesystem::path labels;
  std::filesystem::path initial_subset;
  ChoicePaths choice_files;
  std::filesystem::path ids;
  std::string method = "topk";
  SelectionRequest request;  // the parts that need no file
  unsigned n_threads = 0;
  bool json = false;
  bool dry_run = false;
};

Options parse_options(std::span<const char* const> arguments);

// A count ("4320") or, with a decimal point, a fraction of n_rows ("0.0864").
std::size_t settle_n_samples(const std::string& text, std::size_t n_rows);

std::string help_text();

}  // namespace thinset::filter
