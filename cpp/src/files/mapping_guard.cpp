#include "thinset/mapping_guard.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <utility>

#include "thinset/error.hpp"

namespace thinset {

namespace {

// A guarded range. The handler reads these without a lock: `begin` is written last and cleared
// first; 1 marks a slot that is being filled.
struct Slot {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> is_broken{false};
};

constexpr std::uintptr_t being_filled = 1;

constinit std::array<Slot, MappingGuard::max_guards> slots;
constinit std::atomic<std::size_t> n_slots_used{0};  // slots beyond were never used
constinit std::atomic<std::uint64_t> replacements{0};

static_assert(std::atomic<std::uintptr_t>::is_always_lock_free &&
              std::atomic<std::uint64_t>::is_always_lock_free);

struct Range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;

  [[nodiscard]] bool overlaps(const Range& other) const {
    return begin < other.end && other.begin < end;
  }
};

// Empty if the slot is unused or changes meanwhile; it then belongs to another thread's call.
Range range_of(const Slot& slot) noexcept {
  const std::uintptr_t begin = slot.begin.load();
  const std::uintptr_t end = slot.end.load();
  return begin > being_filled && slot.begin.load() == begin ? Range{begin, end} : Range{};
}

std::uintptr_t page_size() noexcept {
  static const auto size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

// Maps zeros from the page of `address` to the end of its guarded range, because a file that became
// shorter lacks the later pages too. Calls only functions that are safe in a signal handler.
bool replace_pages(std::uintptr_t address) noexcept {
  const std::size_t n = n_slots_used.load();
  for (std::size_t i = 0; i < n; ++i) {
    const Range range = range_of(slots[i]);
    if (!range.overlaps({address, address + 1})) {
      continue;
    }
    const std::uintptr_t page = page_size();
    const Range replaced{address / page * page, (range.end + page - 1) / page * page};
    // Writable, so that a program that later writes to its mapping does not crash.
    void* zeros = ::mmap(reinterpret_cast<void*>(replaced.begin), replaced.end - replaced.begin,
                         PROT_READ | PROT_WRITE,
                         MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (zeros == MAP_FAILED) {
      return false;
    }
    for (std::size_t other = 0; other < n; ++other) {
      if (range_of(slots[other]).overlaps(replaced)) {
        slots[other].is_broken.store(true);
      }
    }
    replacements.fetch_add(1);
    return true;
  }
  return false;
}

bool is_none(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 &&
         (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN);
}

struct sigaction previous_action{};

// Do what would have happened without this handler.
void pass_on(int signal, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal, info, context);
  } else if (is_none(previous_action)) {
    // The retried read then ends the process.
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);
  } else {
    previous_action.sa_handler(signal);
  }
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  // BUS_ADRERR: a page beyond the end of the file, or one that cannot be read.
  const bool is_missing_page = info != nullptr && info->si_code == BUS_ADRERR;
  if (!is_missing_page || !replace_pages(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    pass_on(signal, info, context);
  }
  errno = error;
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == &on_bus_error;
}

// The handler, installed while any guard exists.
class Handler {
 public:
  void acquire() {
    const std::scoped_lock lock(mutex_);
    if (n_guards_++ > 0) {
      return;
    }
    page_size();
    struct sigaction found{};
    if (::sigaction(SIGBUS, nullptr, &found) != 0 || is_ours(found)) {
      return;
    }
    // A handler installed after ours may pass signals on to ours; installing ours again would
    // create a cycle.
    if (is_behind_another_ && !is_none(found)) {
      return;
    }
    previous_action = found;
    struct sigaction action{};
    action.sa_sigaction = &on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, nullptr);
  }

  void release() noexcept {
    const std::scoped_lock lock(mutex_);
    if (--n_guards_ > 0) {
      return;
    }
    struct sigaction found{};
    if (::sigaction(SIGBUS, nullptr, &found) != 0) {
      return;
    }
    is_behind_another_ = !is_ours(found);
    if (!is_behind_another_) {
      ::sigaction(SIGBUS, &previous_action, nullptr);
    }
  }

 private:
  std::mutex mutex_;
  std::size_t n_guards_ = 0;
  bool is_behind_another_ = false;
};

Handler& handler() {
  static Handler the_handler;
  return the_handler;
}

// Fills a free slot; returns max_guards if there is none.
std::size_t fill_slot(const Range& range) noexcept {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    std::uintptr_t free = 0;
    if (slots[i].begin.compare_exchange_strong(free, being_filled)) {
      slots[i].is_broken.store(false);
      slots[i].end.store(range.end);
      slots[i].begin.store(range.begin);
      std::size_t used = n_slots_used.load();
      while (used < i + 1 && !n_slots_used.compare_exchange_weak(used, i + 1)) {
      }
      return i;
    }
  }
  return slots.size();
}

}  // namespace

MappingGuard::MappingGuard(std::span<const std::byte> bytes, std::string name)
    : name_(std::move(name)) {
  if (bytes.empty()) {
    return;
  }
  handler().acquire();
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  slot_ = fill_slot({begin, begin + bytes.size()});
  if (slot_ == none) {
    handler().release();
  }
}

MappingGuard::~MappingGuard() {
  if (slot_ != none) {
    slots[slot_].begin.store(0);
    handler().release();
  }
}

MappingGuard::MappingGuard(MappingGuard&& other) noexcept
    : name_(std::move(other.name_)), slot_(std::exchange(other.slot_, none)) {}

MappingGuard& MappingGuard::operator=(MappingGuard&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(slot_, other.slot_);
  return *this;
}

bool MappingGuard::is_broken() const noexcept {
  return slot_ != none && slots[slot_].is_broken.load();
}

void MappingGuard::check() const {
  if (is_broken()) {
    throw FormatError(name_ + " became shorter while it was read, or the disk failed");
  }
}

std::uint64_t MappingGuard::n_replacements() noexcept { return replacements.load(); }

}  // namespace thinset
