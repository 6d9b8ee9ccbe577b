// SPDX-License-Identifier: MIT
// refused: the callback must return nothing, or bool
#include <solo/train/trainer.hpp>

void watch(solo::Trainer<float>& trainer) {
  trainer.on_log([](const solo::LogEntry&) { return false; });
#ifdef SOLO_REFUSED
  trainer.on_log([](const solo::LogEntry&) { return "stop"; });
#endif
}
