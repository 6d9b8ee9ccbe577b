// SPDX-License-Identifier: MIT
#include "stop_signals.hpp"

#include <atomic>

namespace solo::cli {
namespace {

std::atomic<Trainer<float>*> running = nullptr;
volatile std::sig_atomic_t last_signal = 0;

extern "C" void stop_training(int signal) {
  last_signal = signal;
  std::signal(SIGINT, SIG_DFL);  // the next one ends the program
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGHUP, SIG_IGN);   // a terminal that closes sends several
  std::signal(SIGXCPU, SIG_IGN);  // comes again every second
  if (Trainer<float>* const trainer = running.load()) trainer->request_stop();
}

}  // namespace

SignalHandlers::SignalHandlers(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
    ::sigaction(kStopSignals[i], nullptr, &before_[i]);
    // A program that nohup has started does not end with its terminal.
    if (kStopSignals[i] == SIGHUP && before_[i].sa_handler == SIG_IGN) continue;
    ::sigaction(kStopSignals[i], &action, nullptr);
  }
}

SignalHandlers::~SignalHandlers() {
  restore();
}

void SignalHandlers::restore() noexcept {
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
    ::sigaction(kStopSignals[i], &before_[i], nullptr);
  }
}

StopSignals::StopSignals(Trainer<float>& trainer) {
  running.store(&trainer);
  handlers_.emplace(stop_training);
  // For good: at its end the program tries once more to print what nobody has read.
  std::signal(SIGPIPE, SIG_IGN);
}

StopSignals::~StopSignals() {
  handlers_.reset();
  running.store(nullptr);
}

int StopSignals::received() noexcept {
  return last_signal;
}

}  // namespace solo::cli
