#include "signals.hpp"

#include <csignal>
#include <initializer_list>

namespace thinset::filter {

namespace {

volatile std::sig_atomic_t received = 0;

void record(int signal) {
  if (received == 0) {
    received = signal;
  }
}

}  // namespace

void watch_signals() {
  struct sigaction action{};
  ::sigemptyset(&action.sa_mask);
  action.sa_handler = record;
  // Without SA_RESTART, so that a write that waits for a reader returns.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGXCPU}) {
    struct sigaction old{};
    if (::sigaction(signal, nullptr, &old) == 0 && old.sa_handler != SIG_IGN) {
      ::sigaction(signal, &action, nullptr);
    }
  }
  action.sa_handler = SIG_IGN;
  for (const int signal : {SIGPIPE, SIGXFSZ}) {
    ::sigaction(signal, &action, nullptr);
  }
}

int signal_received() noexcept { return received; }

}  // namespace thinset::filter
