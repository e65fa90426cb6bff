#include "thinset/output_checks.hpp"

#include <sys/stat.h>

#include <string>
#include <system_error>

#include "files/file_kind.hpp"
#include "files/temporary_names.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

constexpr int most_links = 40;  // the limit of Linux

bool is_process_file_system(const struct stat& folder) {
  struct stat processes{};
  struct stat root{};
  return ::stat("/proc", &processes) == 0 && ::stat("/", &root) == 0 &&
         processes.st_dev != root.st_dev && folder.st_dev == processes.st_dev;
}

// Links in /dev and /proc, such as /dev/stdout, point to a file that the process has open.
// Replacing one, or a link to one, would write to another place, and break it for every process.
bool leads_to_open_file(std::filesystem::path path) {
  for (int n_links = 0; n_links < most_links; ++n_links) {
    struct stat link{};
    if (::lstat(path.c_str(), &link) != 0 || !S_ISLNK(link.st_mode)) {
      return false;
    }
    struct stat folder{};
    struct stat devices{};
    if (::stat(parent_of(path).c_str(), &folder) == 0 &&
        (is_process_file_system(folder) ||
         (::stat("/dev", &devices) == 0 && is_same_file(folder, devices)))) {
      return true;
    }
    std::error_code error;
    const std::filesystem::path next = std::filesystem::read_symlink(path, error);
    if (error) {
      return false;
    }
    path = parent_of(path) / next;  // an absolute path replaces it
  }
  return false;
}

}  // namespace

void check_output(const std::filesystem::path& output,
                  std::span<const std::filesystem::path> inputs) {
  struct stat target{};
  if (leads_to_open_file(output)) {
    throw InvalidInput("the output '" + output.string() +
                       "' is a link to a file that a process has open; name a regular file");
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
