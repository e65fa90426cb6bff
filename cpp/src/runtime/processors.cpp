#include "thinset/processors.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace thinset {

namespace {

namespace fs = std::filesystem;

// A control group file system as /proc/self/mountinfo lists it.
struct Mount {
  bool is_version_2;
  std::string group;  // the group that appears at the mount point
  fs::path point;
};

// Whether `list` ("rw,cpu,cpuacct") has the entry `wanted`.
bool has_entry(const std::string& list, std::string_view wanted) {
  std::istringstream entries(list);
  for (std::string entry; std::getline(entries, entry, ',');) {
    if (entry == wanted) {
      return true;
    }
  }
  return false;
}

// mountinfo writes spaces, tabs, newlines and backslashes as \ooo.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3) {
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// Those of version 2 and, of version 1, those with the cpu controller.
std::vector<Mount> cpu_mounts(const fs::path& root) {
  std::vector<Mount> mounts;
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    // id, parent, device, root, mount point, options, optional fields, "-", type, source, options
    std::istringstream fields(line);
    std::string skipped;
    std::string group;
    std::string point;
    fields >> skipped >> skipped >> skipped >> group >> point;
    while (fields >> skipped && skipped != "-") {
    }
    std::string type;
    std::string options;
    fields >> type >> skipped >> options;
    if (fields && (type == "cgroup2" || (type == "cgroup" && has_entry(options, "cpu")))) {
      mounts.push_back(
          {type == "cgroup2", unescaped(group), root / fs::path(unescaped(point)).relative_path()});
    }
  }
  return mounts;
}

// The path of the process's group in the hierarchy of `mount`, from /proc/self/cgroup.
std::optional<std::string> group_in(const fs::path& root, const Mount& mount) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    // "hierarchy:controllers:path"; version 2 is "0::path".
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool is_version_2 = line.substr(0, first) == "0" && controllers.empty();
    if (is_version_2 ? mount.is_version_2 : !mount.is_version_2 && has_entry(controllers, "cpu")) {
      return line.substr(second + 1);
    }
  }
  return std::nullopt;
}

std::optional<double> number(const std::string& text) {
  double value = 0.0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> first_number(std::istream& file) {
  std::string word;
  file >> word;
  return number(word);
}

// The quota of one group; "max" and -1 mean no limit.
std::optional<double> quota_of(const fs::path& group, bool is_version_2) {
  std::optional<double> quota;
  std::optional<double> period;
  if (is_version_2) {
    std::ifstream file(group / "cpu.max");
    quota = first_number(file);
    period = first_number(file);
  } else {
    std::ifstream quota_file(group / "cpu.cfs_quota_us");
    std::ifstream period_file(group / "cpu.cfs_period_us");
    quota = first_number(quota_file);
    period = first_number(period_file);
  }
  if (!quota || !period || !(*quota > 0.0) || !(*period > 0.0)) {
    return std::nullopt;
  }
  return *quota / *period;
}

// `group` relative to the mount, whose own group may be below the hierarchy's root: in a container
// that shares the host's namespace, the container's group is mounted as the whole hierarchy.
fs::path below_mount(const std::string& group, const std::string& mounted) {
  const fs::path relative =
      fs::path(group).lexically_normal().lexically_relative(fs::path(mounted).lexically_normal());
  const bool is_inside = !relative.empty() && *relative.begin() != "..";
  return is_inside && relative != "." ? relative : fs::path();
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> smallest;
  for (const Mount& mount : cpu_mounts(root)) {
    const std::optional<std::string> group = group_in(root, mount);
    if (!group) {
      continue;
    }
    // A quota applies to all groups below it.
    fs::path folder = mount.point;
    const auto look = [&] {
      const std::optional<double> quota = quota_of(folder, mount.is_version_2);
      if (quota && (!smallest || *quota < *smallest)) {
        smallest = quota;
      }
    };
    look();
    for (const fs::path& part : below_mount(*group, mount.group)) {
      folder /= part;
      look();
    }
  }
  return smallest;
}

unsigned processors_within(unsigned affinity, std::optional<double> quota) noexcept {
  const unsigned all = std::max(1U, affinity);
  if (!quota || !(*quota > 0.0) || *quota >= static_cast<double>(all)) {
    return all;
  }
  return std::max(1U, static_cast<unsigned>(std::ceil(*quota)));
}

unsigned available_processors() {
  unsigned affinity = std::thread::hardware_concurrency();
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    affinity = static_cast<unsigned>(CPU_COUNT(&set));
  }
  return processors_within(affinity, cpu_quota());
#else
  return processors_within(affinity, std::nullopt);
#endif
}

}  // namespace thinset
