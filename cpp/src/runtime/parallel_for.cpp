#include "thinset/parallel_for.hpp"

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <new>
#include <string>
#include <system_error>

#include "thinset/error.hpp"
#include "thinset/processors.hpp"

namespace thinset {

namespace {

constexpr std::int64_t poll_interval = 50;  // milliseconds

// Milliseconds since some time in the past. A small selection polls as often as it computes, so
// the clock is one that the kernel advances every few milliseconds and that costs a few loads.
std::int64_t coarse_milliseconds() noexcept {
#ifdef CLOCK_MONOTONIC_COARSE
  constexpr clockid_t clock = CLOCK_MONOTONIC_COARSE;
#else
  constexpr clockid_t clock = CLOCK_MONOTONIC;
#endif
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

// How often a thread yields its core before it sleeps: long enough to catch the next round of a
// greedy loop, short enough to free the core for others.
constexpr int yields_before_sleep = 200;

// Address space that is kept from the stacks of threads while they start. A thread's own data are
// allocated when it first uses them, which is later, and the C library aborts if that fails.
class Spare {
 public:
  Spare() = default;
  Spare(const Spare&) = delete;
  Spare& operator=(const Spare&) = delete;
  ~Spare() {
    if (*this) {
      ::munmap(address_, size);
    }
  }

  explicit operator bool() const { return address_ != MAP_FAILED; }

 private:
  static constexpr std::size_t size = std::size_t{32} << 20;
  void* address_ = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
};

}  // namespace

Job::Job(unsigned n_threads, Monitor* monitor)
    : monitor_(monitor), last_poll_(coarse_milliseconds()) {
  if (n_threads > max_threads) {
    throw InvalidInput("n_threads must be at most " + std::to_string(max_threads) + ", got " +
                       std::to_string(n_threads));
  }
  if (n_threads == 0) {
    n_threads = std::min(available_processors(), max_threads);
  }
  start_workers(n_threads - 1);
}

// A limit on threads or on memory (ulimit, a control group) may stop a thread from starting. The
// others do its work, and the result is the same.
void Job::start_workers(unsigned n_workers) {
  if (n_workers == 0) {
    return;
  }
  const Spare spare;
  if (!spare) {
    return;
  }
  try {
    workers_.reserve(n_workers);
    for (unsigned thread = 1; thread <= n_workers; ++thread) {
      workers_.emplace_back([this, thread] { work(thread); });
    }
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
}

Job::~Job() {
  quit_.store(true);
  round_.fetch_add(1);
  round_.notify_all();
  for (std::thread& worker : workers_) {
    worker.join();
  }
}

void Job::work(unsigned thread) {
  std::uint32_t seen = 0;
  for (;;) {
    for (int i = 0; i < yields_before_sleep && round_.load() == seen; ++i) {
      std::this_thread::yield();
    }
    round_.wait(seen);
    seen = round_.load();
    if (quit_.load()) {
      return;
    }
    run_blocks(thread);
    busy_.fetch_sub(1);
  }
}

void Job::run_blocks(unsigned thread) noexcept {
  const bool is_caller = thread == 0;
  try {
    while (!stop_.load(std::memory_order_relaxed)) {
      const std::size_t begin = next_block_.fetch_add(1) * block_;
      if (begin >= n_) {
        return;
      }
      (*body_)(begin, std::min(begin + block_, n_), thread);
      if (broken_guard() != nullptr) {
        stop_.store(true);
        return;
      }
      if (is_caller && poll()) {
        return;
      }
    }
  } catch (...) {
    const std::scoped_lock lock(error_mutex_);
    if (!error_) {
      error_ = std::current_exception();
    }
    stop_.store(true);
  }
}

void Job::parallel_for(std::size_t n, std::size_t block, const Body& body) {
  body_ = &body;
  n_ = n;
  block_ = std::max<std::size_t>(block, 1);
  next_block_.store(0);
  // Work that fits in one block is too small to split across threads.
  if (!workers_.empty() && n_ > block_) {
    busy_.store(static_cast<unsigned>(workers_.size()));
    round_.fetch_add(1);
    round_.notify_all();
    run_blocks(0);
    wait_for_workers();
  } else {
    run_blocks(0);
  }
  // The workers may have finished every block before the caller could check for an interrupt.
  check();
}

void Job::counted_parallel_for(std::size_t n, std::size_t block, const Body& body) {
  is_counted_ = true;
  parallel_for(n, block, body);
  is_counted_ = false;
  advance(n);
}

void Job::wait_for_workers() noexcept {
  for (int i = 0; busy_.load() != 0; ++i) {
    if (i < yields_before_sleep) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      poll();
    }
  }
}

bool Job::poll() noexcept {
  const std::int64_t now = coarse_milliseconds();
  // After a stop, the monitor is not called again while the threads finish their blocks.
  if (monitor_ == nullptr || stop_.load() || now - last_poll_ < poll_interval) {
    return interrupted_;
  }
  last_poll_ = now;
  try {
    const std::uint64_t started = is_counted_ ? std::min(next_block_.load() * block_, n_) : 0;
    monitor_->report(std::min(done_ + started, total_), total_);
    interrupted_ = interrupted_ || monitor_->should_stop();
  } catch (...) {
    const std::scoped_lock lock(error_mutex_);
    error_ = std::current_exception();
    stop_.store(true);
  }
  if (interrupted_) {
    stop_.store(true);
  }
  return interrupted_;
}

// Checks the guards only after pages were replaced somewhere in the process.
const MappingGuard* Job::broken_guard() const noexcept {
  if (MappingGuard::n_replacements() != n_replacements_) {
    for (const MappingGuard* guard : guards_) {
      if (guard->is_broken()) {
        return guard;
      }
    }
  }
  return nullptr;
}

void Job::throw_if_failed() {
  // Before exceptions of a body, which may have read zeros.
  if (const MappingGuard* guard = broken_guard()) {
    guard->check();
  }
  if (error_) {
    std::rethrow_exception(error_);
  }
  if (interrupted_) {
    throw Interrupted();
  }
}

void Job::advance(std::uint64_t units) {
  count(units);
  check();
}

void Job::check() {
  poll();
  throw_if_failed();
}

}  // namespace thinset
