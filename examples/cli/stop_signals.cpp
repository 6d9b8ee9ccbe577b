// SPDX-License-Identifier: MIT
#include "stop_signals.hpp"

#include <atomic>
#include <csignal>

namespace solo::cli {
namespace {

std::atomic<Trainer<float>*> running = nullptr;
volatile std::sig_atomic_t last_signal = 0;

extern "C" void stop_training(int signal) {
  last_signal = signal;
  std::signal(signal, SIG_DFL);  // the next one ends the program
  if (Trainer<float>* const trainer = running.load()) trainer->request_stop();
}

}  // namespace

StopSignals::StopSignals(Trainer<float>& trainer) {
  running.store(&trainer);
  std::signal(SIGINT, stop_training);
  std::signal(SIGTERM, stop_training);
}

StopSignals::~StopSignals() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  running.store(nullptr);
}

int StopSignals::received() noexcept {
  return last_signal;
}

}  // namespace solo::cli
