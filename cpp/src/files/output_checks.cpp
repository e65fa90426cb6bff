#include "thinset/output_checks.hpp"

#include <sys/stat.h>

#include <string>

#include "files/file_kind.hpp"
#include "files/temporary_names.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

// Links such as /dev/stdout lead to whatever file the process has open; replacing the link would
// break it for every process.
bool is_link_among_devices(const std::filesystem::path& path) {
  struct stat link{};
  struct stat folder{};
  struct stat devices{};
  return ::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode) &&
         ::stat(parent_of(path).c_str(), &folder) == 0 && ::stat("/dev", &devices) == 0 &&
         is_same_file(folder, devices);
}

}  // namespace

void check_output(const std::filesystem::path& output,
                  std::span<const std::filesystem::path> inputs) {
  struct stat target{};
  if (is_link_among_devices(output)) {
    throw InvalidInput("the output '" + output.string() +
                       "' is a link among the devices; name a regular file");
  }
  if (::stat(output.c_str(), &target) != 0) {
    return;
  }
  for (const std::filesystem::path& input : inputs) {
    struct stat source{};
    if (::stat(input.c_str(), &source) == 0 && is_same_file(source, target)) {
      throw InvalidInput("the output must not be the input: '" + output.string() + "' and '" +
                         input.string() + "' are one file; choose another output");
    }
  }
  if (!S_ISREG(target.st_mode)) {
    throw InvalidInput("the output '" + output.string() + "' is " + kind_of_file(target.st_mode) +
                       "; name a regular file or a new one");
  }
}

}  // namespace thinset
