// thinset-filter: argv -> options -> library -> exit status.

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <string_view>

#include "commands.hpp"
#include "json_writer.hpp"
#include "options.hpp"
#include "signals.hpp"
#include "standard_streams.hpp"
#include "text.hpp"
#include "thinset/error.hpp"
#include "thinset/monitor.hpp"

namespace {

using namespace thinset::filter;

// After a signal: 128 plus its number.
enum ExitStatus { done = 0, usage = 2, bad_input = 3, io_failure = 4, after_signal = 128 };

// A percentage on a terminal, nothing elsewhere.
class TerminalMonitor final : public thinset::Monitor {
 public:
  ~TerminalMonitor() override {
    if (shown_) {
      print_message("\r\033[K");
    }
  }
  void report(std::uint64_t done_units, std::uint64_t total) override {
    if (is_terminal_ && total > 0) {
      const std::string percentage = std::to_string(100 * done_units / total);
      std::string line("\r");
      line.append(3 - std::min<std::size_t>(percentage.size(), 3), ' ');
      print_message(line + percentage + " %");
      shown_ = true;
    }
  }
  bool should_stop() override { return signal_received() != 0; }

 private:
  bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

int fail(int status, std::string_view message, bool json) {
  const std::string hint = status == usage ? "try 'thinset-filter --help'\n" : "";
  print_message("thinset-filter: error: " + printable(message) + "\n" + hint);
  if (json) {
    JsonObject object;
    object.add("error", message);
    object.add("status", static_cast<std::uint64_t>(status));
    try {
      print(object.text() + "\n");
      close_output();
    } catch (const thinset::FileError&) {
      return io_failure;
    }
  }
  return status;
}

int run_arguments(std::span<const char* const> arguments) {
  // Determined before the options are parsed, for error messages about them.
  const bool json = std::ranges::find(arguments, std::string_view("--json")) != arguments.end();
  try {
    const Options options = parse_options(arguments);
    TerminalMonitor monitor;
    run(options, monitor);
    close_output();
    return done;
  } catch (const UsageError& error) {
    return fail(usage, error.what(), json);
  } catch (const thinset::Interrupted& error) {
    return fail(after_signal + signal_received(), error.what(), json);
  } catch (const thinset::InvalidInput& error) {
    return fail(bad_input, error.what(), json);
  } catch (const thinset::FileError& error) {
    // The reader of the output has closed it, as in `... | head`: no message.
    return error.code() == EPIPE ? io_failure : fail(io_failure, error.what(), json);
  } catch (const std::bad_alloc&) {
    return fail(io_failure, "out of memory", json);
  } catch (const std::exception& error) {
    return fail(io_failure, error.what(), json);
  }
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_streams();
  watch_signals();
  try {
    return run_arguments({argv + 1, static_cast<std::size_t>(argc) - (argc > 0)});
  } catch (...) {
    // There is not even memory for a message.
    print_message("thinset-filter: error: out of memory\n");
    return io_failure;
  }
}
