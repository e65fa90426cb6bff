#include <sys/mman.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "check.hpp"
#include "thinset/error.hpp"
#include "thinset/parallel_for.hpp"

using namespace thinset;

namespace {

class StopAfter final : public Monitor {
 public:
  explicit StopAfter(int calls) : calls_(calls) {}
  void report(std::uint64_t done, std::uint64_t total) override {
    done_ = done;
    total_ = total;
  }
  bool should_stop() override { return --calls_ < 0; }

  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;

 private:
  int calls_;
};

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Leaves this process `spare` more bytes of address space while it lives.
class AddressSpaceLimit {
 public:
  explicit AddressSpaceLimit(std::size_t spare) {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    getrlimit(RLIMIT_AS, &before_);
    rlimit limit = before_;
    limit.rlim_cur = pages * 4096 + spare;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
  }
  ~AddressSpaceLimit() { setrlimit(RLIMIT_AS, &before_); }
  AddressSpaceLimit(const AddressSpaceLimit&) = delete;
  AddressSpaceLimit& operator=(const AddressSpaceLimit&) = delete;

  // qemu's user mode accepts limits and ignores them.
  [[nodiscard]] static bool is_kept() {
    const AddressSpaceLimit limit(std::size_t{1} << 20);
    constexpr std::size_t size = std::size_t{64} << 20;
    void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) {
      munmap(memory, size);
    }
    return memory == MAP_FAILED;
  }

 private:
  rlimit before_{};
};
#endif

}  // namespace

TEST(blocks_cover_the_range_once) {
  for (const unsigned n_threads : {1U, 2U, 3U, 8U}) {
    Job job(n_threads);
    CHECK(job.n_threads() == n_threads);
    for (const std::size_t n : {0U, 1U, 7U, 64U, 1000U}) {
      for (const std::size_t block : {1U, 3U, 64U, 5000U}) {
        std::vector<std::atomic<int>> seen(n);
        job.parallel_for(n, block, [&](std::size_t begin, std::size_t end, unsigned thread) {
          CHECK(begin < end && end <= n && end - begin <= block && begin % block == 0);
          CHECK(thread < n_threads);
          for (std::size_t i = begin; i < end; ++i) ++seen[i];
        });
        for (const auto& count : seen) CHECK(count == 1);
      }
    }
  }
}

TEST(a_thread_sees_its_blocks_in_rising_order) {
  Job job(4);
  std::vector<std::size_t> last(4, 0);
  std::atomic<bool> rising{true};
  job.parallel_for(10000, 1, [&](std::size_t begin, std::size_t, unsigned thread) {
    if (begin < last[thread]) rising = false;
    last[thread] = begin;
  });
  CHECK(rising);
}

TEST(many_rounds_on_more_threads_than_processors) {
  Job job(16);
  std::atomic<std::size_t> sum{0};
  for (int round = 0; round < 2000; ++round) {
    job.parallel_for(32, 1, [&](std::size_t begin, std::size_t, unsigned) { sum += begin; });
  }
  CHECK(sum == 2000 * 31 * 16);
}

TEST(an_exception_of_a_body_comes_back) {
  Job job(3);
  const std::string message = check::message_of<std::runtime_error>([&] {
    job.parallel_for(100, 1, [](std::size_t begin, std::size_t, unsigned) {
      if (begin == 40) throw std::runtime_error("block 40");
    });
  });
  CHECK(message == "block 40");
}

TEST(the_monitor_stops_the_work_and_sees_progress) {
  StopAfter monitor(2);
  Job job(2, &monitor);
  job.set_total(1000);
  const auto start = std::chrono::steady_clock::now();
  int rounds = 0;
  check::message_of<Interrupted>([&] {
    for (;; ++rounds) {
      job.parallel_for(8, 1, [](std::size_t, std::size_t, unsigned) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      });
      job.advance(1);
    }
  });
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  // Three polls, 50 ms apart.
  CHECK(elapsed.count() > 0.1 && elapsed.count() < 5.0);
  CHECK(monitor.total_ == 1000 && monitor.done_ > 0);
}

TEST(a_single_long_block_elsewhere_does_not_keep_the_caller_from_looking) {
  StopAfter monitor(0);
  Job job(2, &monitor);
  check::message_of<Interrupted>([&] {
    job.parallel_for(2, 1, [](std::size_t, std::size_t, unsigned thread) {
      // A caller that gets both blocks, on a busy machine, looks after them.
      std::this_thread::sleep_for(std::chrono::milliseconds(thread == 0 ? 30 : 150));
    });
    job.check();
  });
}

TEST(too_many_threads_are_refused) {
  CHECK(check::contains(check::message_of<InvalidInput>([] { Job job(1025); }), "got 1025"));
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(threads_that_cannot_start_are_done_without) {
  if (!AddressSpaceLimit::is_kept()) {
    return;
  }
  // A stack takes 8 MB of address space, unless the user's limit is another one.
  const AddressSpaceLimit limit(std::size_t{24} << 20);
  Job job(1000);
  CHECK(job.n_threads() >= 1 && job.n_threads() < 1000);
  std::vector<std::atomic<int>> seen(5000);
  for (int round = 0; round < 3; ++round) {
    job.parallel_for(seen.size(), 1, [&](std::size_t begin, std::size_t, unsigned thread) {
      CHECK(thread < job.n_threads());
      ++seen[begin];
    });
  }
  for (const auto& count : seen) CHECK(count == 3);
}
#endif

TEST_MAIN
