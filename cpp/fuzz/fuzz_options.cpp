// Any command line: parse_options refuses it with a UsageError (or, for a fraction out of range,
// InvalidInput) or returns options with everything that their command needs.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "options.hpp"
#include "thinset/error.hpp"

using thinset::filter::Command;
using thinset::filter::Options;

namespace {

void require(bool met) {
  if (!met) {
    __builtin_trap();
  }
}

bool has_number(const Options& options) {
  return !options.n_samples.empty() || options.request.choice.budget ||
         options.request.choice.min_distance;
}

void check_accepted(const Options& options) {
  const std::size_t n_files = options.files.size();
  switch (options.command) {
    case Command::select:
      require(n_files >= 1 && has_number(options));
      break;
    case Command::gather:
      require(n_files >= 2 && !options.output.empty());
      break;
    case Command::filter:
      require(n_files >= 2 && !options.output.empty() && has_number(options));
      break;
    case Command::info:
      require(n_files == 1);
      break;
    case Command::help:
    case Command::version:
      return;
  }
  if (!options.n_samples.empty()) {
    // Once accepted, it must resolve for any number of rows.
    for (const std::size_t n_rows : {std::size_t{1}, std::size_t{50000}, ~std::size_t{0} >> 12}) {
      (void)thinset::filter::settle_n_samples(options.n_samples, n_rows);
    }
  }
}

}  // namespace

// One argument per line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  std::vector<const char*> arguments;
  for (const std::string& line : lines) {
    arguments.push_back(line.c_str());
  }
  Options options;
  try {
    options = thinset::filter::parse_options(arguments);
  } catch (const thinset::filter::UsageError&) {
    return 0;
  } catch (const thinset::InvalidInput&) {
    return 0;
  }
  check_accepted(options);
  return 0;
}
