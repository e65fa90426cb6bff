// thinset-filter: argv -> options -> library -> exit status.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <span>

#include "commands.hpp"
#include "json_writer.hpp"
#include "options.hpp"
#include "thinset/error.hpp"
#include "thinset/monitor.hpp"

namespace {

enum ExitStatus { done = 0, usage = 2, bad_input = 3, io_failure = 4, interrupted = 130 };

volatile std::sig_atomic_t signal_received = 0;

void on_signal(int /*signal*/) { signal_received = 1; }

// A percentage on a terminal, nothing off it.
class TerminalMonitor final : public thinset::Monitor {
 public:
  ~TerminalMonitor() override {
    if (shown_) {
      std::fputs("\r\033[K", stderr);
    }
  }
  void report(std::uint64_t done_units, std::uint64_t total) override {
    if (is_terminal_ && total > 0) {
      std::fprintf(stderr, "\r%3d %%", static_cast<int>(100 * done_units / total));
      std::fflush(stderr);
      shown_ = true;
    }
  }
  bool should_stop() override { return signal_received != 0; }

 private:
  bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

int fail(ExitStatus status, const char* message, bool json) {
  std::fprintf(stderr, "thinset-filter: error: %s\n", message);
  if (json) {
    thinset::filter::JsonObject object;
    object.add("error", message);
    object.add("status", std::uint64_t{status});
    std::printf("%s\n", object.text().c_str());
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  thinset::filter::Options options;
  try {
    options =
        thinset::filter::parse_options({argv + 1, static_cast<std::size_t>(argc) - (argc > 0)});
    TerminalMonitor monitor;
    thinset::filter::run(options, monitor);
    if (std::fflush(stdout) != 0) {
      return fail(io_failure, "cannot write to standard output", options.json);
    }
    return done;
  } catch (const thinset::filter::UsageError& error) {
    fail(usage, error.what(), options.json);
    std::fputs("try 'thinset-filter --help'\n", stderr);
    return usage;
  } catch (const thinset::Interrupted& error) {
    return fail(interrupted, error.what(), options.json);
  } catch (const thinset::InvalidInput& error) {
    return fail(bad_input, error.what(), options.json);
  } catch (const thinset::FileError& error) {
    return fail(io_failure, error.what(), options.json);
  } catch (const std::bad_alloc&) {
    return fail(io_failure, "out of memory", options.json);
  } catch (const std::exception& error) {
    return fail(io_failure, error.what(), options.json);
  }
}
