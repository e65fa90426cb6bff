/// @file
/// Threads, progress and interruption of one call into the library.
///
/// A Job owns its threads for the length of one call: no global pool, no second OpenMP runtime in
/// the host program. Results never depend on the number of threads, because bodies either write to
/// disjoint places or return values whose combination does not depend on order.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "thinset/api.hpp"
#include "thinset/mapping_guard.hpp"
#include "thinset/monitor.hpp"

namespace THINSET_API thinset {

class Job {
 public:
  /// n_threads = 0 uses all available processors. Throws InvalidInput above max_threads. If the
  /// system cannot start all threads, those that started do the work.
  explicit Job(unsigned n_threads = 0, Monitor* monitor = nullptr);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  static constexpr unsigned max_threads = 1024;

  /// The number of working threads, including the caller: as requested, or fewer.
  [[nodiscard]] unsigned n_threads() const noexcept {
    return static_cast<unsigned>(workers_.size()) + 1;
  }

  /// body(begin, end, thread) for consecutive blocks that cover [0, n). Each thread gets its blocks
  /// in ascending order. The first exception of a body is rethrown here after all threads have
  /// stopped.
  using Body = std::function<void(std::size_t begin, std::size_t end, unsigned thread)>;
  void parallel_for(std::size_t n, std::size_t block, const Body& body);

  /// The same for a loop whose n are units of progress.
  void counted_parallel_for(std::size_t n, std::size_t block, const Body& body);

  /// Progress: declare the units of each stage of work, then count them: with advance() from the
  /// calling thread between loops, or with count() from any thread inside a loop.
  void set_total(std::uint64_t units) noexcept {
    done_ = 0;
    total_ = units;
  }
  void advance(std::uint64_t units);
  void count(std::uint64_t units) noexcept { done_.fetch_add(units, std::memory_order_relaxed); }

  /// Throws Interrupted if the monitor requests it; asks the monitor at most every 50 ms. Throws
  /// FormatError if a page of a watched mapping is missing.
  void check();

  /// Stops the work if a page of the guard's mapping is missing. The guard must outlive the job.
  void watch(const MappingGuard& guard) { guards_.push_back(&guard); }

 private:
  void start_workers(unsigned n_workers);
  void work(unsigned thread);
  void run_blocks(unsigned thread) noexcept;
  void wait_for_workers() noexcept;
  bool poll() noexcept;
  [[nodiscard]] const MappingGuard* broken_guard() const noexcept;
  void throw_if_failed();

  Monitor* monitor_;
  std::vector<const MappingGuard*> guards_;
  std::uint64_t n_replacements_ = MappingGuard::n_replacements();
  std::vector<std::thread> workers_;

  /// The current parallel_for; written by the caller while all workers are idle.
  const Body* body_ = nullptr;
  std::size_t n_ = 0;
  std::size_t block_ = 1;
  std::atomic<std::size_t> next_block_{0};
  std::atomic<unsigned> busy_{0};
  std::atomic<std::uint32_t> round_{0};
  std::atomic<bool> quit_{false};

  std::atomic<bool> stop_{false};
  bool interrupted_ = false;
  std::mutex error_mutex_;
  std::exception_ptr error_;

  std::atomic<std::uint64_t> done_{0};
  bool is_counted_ = false;  ///< whether the current loop's blocks are progress
  std::uint64_t total_ = 0;
  std::int64_t last_poll_;  ///< milliseconds of a monotonic clock
};

}  // namespace THINSET_API thinset
