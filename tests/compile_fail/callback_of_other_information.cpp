// SPDX-License-Identifier: MIT
// refused: the callback must take the information as its only argument
#include <solo/train/trainer.hpp>

void watch(solo::Trainer<float>& trainer) {
  trainer.on_step([](const solo::StepInfo&) {});
  trainer.on_eval([](const solo::EvalInfo&) { return true; });
#ifdef SOLO_REFUSED
  trainer.on_step([](const solo::LogEntry&) {});
#endif
}
