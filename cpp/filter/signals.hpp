// Signals that end the work cleanly, so that no half-written file stays.
#pragma once

namespace thinset::filter {

// From now on, SIGINT, SIGTERM, SIGHUP and SIGXCPU are recorded; SIGPIPE and SIGXFSZ become errors
// of the write that causes them. A signal that the parent process ignores stays ignored.
void watch_signals();

// The first signal received, or 0.
int signal_received() noexcept;

}  // namespace thinset::filter
