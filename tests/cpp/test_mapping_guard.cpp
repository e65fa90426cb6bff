#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"
#include "thinset/error.hpp"
#include "thinset/mapped_file.hpp"
#include "thinset/npy_array.hpp"
#include "thinset/output_file.hpp"
#include "thinset/parallel_for.hpp"

using namespace thinset;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t page = 65536;  // a multiple of every page size in use

class TemporaryFile {
 public:
  explicit TemporaryFile(std::size_t size)
      : path_(fs::temp_directory_path() / ("thinset_mapping_" + std::to_string(getpid()))) {
    std::ofstream(path_, std::ios::binary) << std::string(size, '\1');
  }
  ~TemporaryFile() { fs::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }
  void shrink_to(std::size_t size) const { fs::resize_file(path_, size); }

 private:
  fs::path path_;
};

// Reads the bytes, whether the sum is wanted or not.
int sum_of(std::span<const std::byte> bytes) {
  volatile int sum = 0;
  for (const std::byte byte : bytes) sum = sum + std::to_integer<int>(byte);
  return sum;
}

bool has_default_action() {
  struct sigaction action{};
  sigaction(SIGBUS, nullptr, &action);
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

// Whether a child process that runs `body` is ended by SIGBUS.
template <class Body>
bool is_ended_by_bus_error(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
}

std::atomic<int> n_calls_of_other_handler{0};
void other_handler(int /*signal*/) {
  ++n_calls_of_other_handler;
  _exit(42);
}

}  // namespace

TEST(missing_pages_read_as_zeros_and_mark_the_guard) {
  const TemporaryFile file(4 * page);
  const MappedFile mapped(file.path());
  CHECK(has_default_action());
  {
    const MappingGuard guard = mapped.guard();
    CHECK(!has_default_action());
    CHECK(sum_of(mapped.bytes()) == 4 * page);
    file.shrink_to(page);
    CHECK(!guard.is_broken());
    CHECK(sum_of(mapped.bytes()) == page);
    CHECK(guard.is_broken());
    const std::string message = check::message_of<FormatError>([&] { guard.check(); });
    CHECK(check::contains(message, file.path().string() + "' became shorter while it was read"));
  }
  CHECK(has_default_action());
}

TEST(a_file_cut_inside_its_last_page_is_found_by_its_length) {
  const TemporaryFile file(page);
  const MappedFile mapped(file.path());
  mapped.check_length();
  file.shrink_to(page - 1);
  const std::string message = check::message_of<FormatError>([&] { mapped.check_length(); });
  CHECK(check::contains(message, "became shorter while it was read: from 65536 bytes to 65535"));
}

TEST(without_a_guard_the_signal_takes_its_course) {
  const TemporaryFile file(2 * page);
  const MappedFile mapped(file.path());
  file.shrink_to(0);
  CHECK(is_ended_by_bus_error([&] { sum_of(mapped.bytes()); }));
  // Nor does the guard of another range help.
  CHECK(is_ended_by_bus_error([&] {
    const std::vector<std::byte> elsewhere(100);
    const MappingGuard guard(elsewhere, "elsewhere");
    sum_of(mapped.bytes());
  }));
  CHECK(is_ended_by_bus_error([&] { raise(SIGBUS); }));
  CHECK(is_ended_by_bus_error([&] {
    const MappingGuard guard = mapped.guard();
    raise(SIGBUS);
    raise(SIGBUS);
  }));
}

TEST(another_handler_gets_what_is_not_ours) {
  const TemporaryFile file(2 * page);
  const MappedFile mapped(file.path());
  file.shrink_to(0);
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGBUS, other_handler);
    const std::vector<std::byte> elsewhere(100);
    const MappingGuard guard(elsewhere, "elsewhere");
    sum_of(mapped.bytes());
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

TEST(a_handler_put_before_ours_stays) {
  const std::vector<std::byte> elsewhere(100);
  const auto is_other = [] {
    struct sigaction action{};
    sigaction(SIGBUS, nullptr, &action);
    return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == other_handler;
  };
  {
    const MappingGuard guard(elsewhere, "elsewhere");
    std::signal(SIGBUS, other_handler);
  }
  CHECK(is_other());
  {
    // It may pass on to ours, which must not pass on to it then.
    const MappingGuard guard(elsewhere, "elsewhere");
    CHECK(is_other());
  }
  CHECK(is_other());
  std::signal(SIGBUS, SIG_DFL);
  {
    const MappingGuard guard(elsewhere, "elsewhere");
    CHECK(!has_default_action());
  }
  CHECK(has_default_action());
}

TEST(guards_move_and_many_live_at_a_time) {
  std::vector<std::byte> bytes(10);
  std::vector<MappingGuard> guards;
  for (std::size_t i = 0; i < MappingGuard::max_guards + 10; ++i) {
    guards.emplace_back(bytes, "bytes");
  }
  CHECK(!guards.back().is_broken());
  guards.clear();
  CHECK(has_default_action());
}

TEST(a_job_stops_where_a_watched_mapping_lacks_a_page) {
  const TemporaryFile file(64 * page);
  for (const unsigned n_threads : {1U, 3U}) {
    fs::resize_file(file.path(), 64 * page);
    const MappedFile mapped(file.path());
    const MappingGuard guard = mapped.guard();
    Job job(n_threads);
    job.watch(guard);
    file.shrink_to(page);
    std::atomic<int> sum{0};
    const std::string message = check::message_of<FormatError>([&] {
      job.parallel_for(64, 1, [&](std::size_t begin, std::size_t, unsigned) {
        sum += sum_of(mapped.bytes().subspan(begin * page, page));
        // What a body makes of zeros does not count.
        if (begin > 0) throw InvalidInput("zeros");
      });
    });
    CHECK(check::contains(message, "became shorter while it was read"));
  }
}

TEST(npy_files_that_become_shorter_are_refused) {
  const TemporaryFile file(0);
  OutputFile output(file.path());
  write_npy(output, std::vector<std::int64_t>(10 * page, 7));
  const NpyArray array(file.path());
  CHECK(array.as_int64().size() == 10 * page);
  file.shrink_to(page);
  const std::string message = check::message_of<FormatError>([&] { (void)array.as_int64(); });
  CHECK(check::contains(message, "became shorter while it was read"));
}

TEST_MAIN
