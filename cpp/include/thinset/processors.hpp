/// @file
/// The number of processors that this process may use.
#pragma once

#include <filesystem>
#include <optional>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

/// The processors of the process's affinity mask, and no more than its control groups' CPU quota
/// allows, rounded up; at least 1. A container limited to 2 CPUs of a 64-core host gets 2.
unsigned available_processors();

/// The smallest CPU quota, in processors, set by the control groups of this process and their
/// parents: cpu.max of version 2, cpu.cfs_quota_us and cpu.cfs_period_us of version 1. Empty if no
/// group sets one, or if the system's files are absent or unreadable. `root` is the folder with
/// /proc and /sys; tests replace it.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

/// The processors to use for `affinity` processors under a quota.
unsigned processors_within(unsigned affinity, std::optional<double> quota) noexcept;

}  // namespace THINSET_API thinset
