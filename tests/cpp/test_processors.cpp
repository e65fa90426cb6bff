#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "check.hpp"
#include "thinset/processors.hpp"

using namespace thinset;
namespace fs = std::filesystem;

namespace {

// A made-up / with the files of a system that has control groups.
class System {
 public:
  System() : root_(fs::temp_directory_path() / ("thinset_processors_" + std::to_string(getpid()))) {
    fs::remove_all(root_);
  }
  ~System() { fs::remove_all(root_); }
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  System& write(const fs::path& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
    return *this;
  }
  // A system of version 2 whose process is in `group`, seen below the group `mounted`.
  System& version_2(const std::string& group, const std::string& mounted = "/") {
    write("proc/self/cgroup", "0::" + group + "\n");
    return write("proc/self/mountinfo",
                 "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n31 23 0:28 " + mounted +
                     " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  }
  System& version_1(const std::string& group, const std::string& mounted = "/") {
    write("proc/self/cgroup", "9:name=systemd:/x\n4:cpu,cpuacct:" + group + "\n3:cpuset:/y\n");
    return write("proc/self/mountinfo",
                 "33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n32 31 0:29 " +
                     mounted + " /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
  }
  [[nodiscard]] std::optional<double> quota() const { return cpu_quota(root_); }

 private:
  fs::path root_;
};

const fs::path group_files = "sys/fs/cgroup";
const fs::path cpu_files = group_files / "cpu,cpuacct";

}  // namespace

TEST(the_smallest_quota_of_version_2_up_to_the_mount_holds) {
  System system;
  system.version_2("/jobs/one").write(group_files / "jobs/one/cpu.max", "max 100000\n");
  CHECK(!system.quota());
  system.write(group_files / "jobs/cpu.max", "250000 100000\n");
  CHECK(system.quota() == 2.5);
  system.write(group_files / "cpu.max", "800000 100000\n");
  CHECK(system.quota() == 2.5);
  system.write(group_files / "jobs/one/cpu.max", "50000 100000\n");
  CHECK(system.quota() == 0.5);
}

TEST(the_smallest_quota_of_version_1_up_to_the_mount_holds) {
  System system;
  system.version_1("/a/b")
      .write(cpu_files / "a/b/cpu.cfs_quota_us", "-1\n")
      .write(cpu_files / "a/b/cpu.cfs_period_us", "100000\n");
  CHECK(!system.quota());
  system.write(cpu_files / "a/cpu.cfs_quota_us", "150000\n")
      .write(cpu_files / "a/cpu.cfs_period_us", "50000\n");
  CHECK(system.quota() == 3.0);
}

TEST(a_container_that_sees_its_own_group_as_the_root_finds_its_quota) {
  // With the host's names of groups, and with a name space of its own.
  for (const std::string group : {"/docker/c0ffee", "/", "/../other"}) {
    System system;
    system.version_2(group, group == "/" ? "/" : "/docker/c0ffee")
        .write(group_files / "cpu.max", "200000 100000\n");
    CHECK(system.quota() == 2.0);
  }
  System old;
  old.version_1("/docker/c0ffee/inner", "/docker/c0ffee")
      .write(cpu_files / "inner/cpu.cfs_quota_us", "100000\n")
      .write(cpu_files / "inner/cpu.cfs_period_us", "100000\n");
  CHECK(old.quota() == 1.0);
}

TEST(a_mount_point_with_a_space_is_found) {
  System system;
  system.write("proc/self/cgroup", "0::/\n")
      .write("proc/self/mountinfo", "3 2 0:8 / /my\\040groups rw - cgroup2 none rw\n")
      .write("my groups/cpu.max", "300000 100000\n");
  CHECK(system.quota() == 3.0);
}

TEST(files_that_are_absent_or_odd_are_ignored) {
  System system;
  CHECK(!system.quota());
  system.write("proc/self/cgroup", "\n:\n0:\n0::\n").write("proc/self/mountinfo", "- - -\n\n7\n");
  CHECK(!system.quota());
  system.version_2("/");
  CHECK(!system.quota());
  for (const char* text : {"", "\n", "0 100000", "100000", "100000 0", "-5 100000", "nan 100000",
                           "inf 100000", "1e999 100000", "12x 100000", "max max"}) {
    system.write(group_files / "cpu.max", text);
    CHECK(!system.quota());
  }
}

TEST(a_quota_lowers_the_processors_and_is_rounded_up) {
  CHECK(processors_within(64, std::nullopt) == 64);
  CHECK(processors_within(64, 2.0) == 2);
  CHECK(processors_within(64, 2.1) == 3);
  CHECK(processors_within(64, 0.25) == 1);
  CHECK(processors_within(4, 100.0) == 4);
  CHECK(processors_within(4, 1e300) == 4);
  CHECK(processors_within(0, std::nullopt) == 1);
}

TEST(this_process_has_a_processor) { CHECK(available_processors() >= 1); }

TEST_MAIN
