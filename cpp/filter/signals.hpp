// Signals that end the work in order, so that nothing half-written stays.
#pragma once

namespace thinset::filter {

// From now on SIGINT, SIGTERM, SIGHUP and SIGXCPU are recorded; SIGPIPE and SIGXFSZ become errors
// of the write that causes them. A signal that the parent process has set to be ignored stays
// ignored.
void watch_signals();

// The first one that has arrived, or 0.
int signal_received() noexcept;

}  // namespace thinset::filter
