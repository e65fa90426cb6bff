// How many processors this process may keep busy.
#pragma once

#include <filesystem>
#include <optional>

namespace thinset {

// The processors of the process's affinity mask, and no more than its control groups' CPU quota
// allows, rounded up; at least 1. A container limited to 2 CPUs of a 64-core host gets 2.
unsigned available_processors();

// The smallest CPU quota, in processors, that the control groups of this process and the groups
// above them set: cpu.max of version 2, cpu.cfs_quota_us and cpu.cfs_period_us of version 1.
// Nothing where no group sets one, or where the system's files are absent or cannot be understood.
// `root` is the folder that holds /proc and /sys, which tests replace.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

// The processors to use for `affinity` processors under a quota.
unsigned processors_within(unsigned affinity, std::optional<double> quota) noexcept;

}  // namespace thinset
