// SPDX-License-Identifier: MIT
// Each system call that saving makes fails in turn, or the process dies in front of it: a
// checkpoint that can be loaded remains.
#include <solo/adapters/adapters.hpp>
#include <solo/train/checkpoint.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/tiny.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SOLO_SANITIZED  // their runtimes have functions of the same names

namespace {

enum class Mode { count, fail, die };

/// What happens at call number `at`.
struct Plan {
  Mode mode = Mode::count;
  int at = 0;
  int error = EIO;
  int calls = 0;
};
Plan* armed = nullptr;

/// Whether this call fails; at its turn the process may end here. `half` runs first: what a call
/// that was interrupted has done.
template <class Half>
bool turn(const Half& half) {
  if (armed == nullptr || ++armed->calls != armed->at || armed->mode == Mode::count) return false;
  half();
  if (armed->mode == Mode::die) ::raise(SIGKILL);
  errno = armed->error;
  return true;
}
bool turn() {
  return turn([] {});
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  std::va_list list;
  va_start(list, flags);
  const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(list, unsigned) : 0U;
  va_end(list);
  if (turn()) return -1;
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
ssize_t write(int fd, const void* data, size_t size) {
  const auto half = [&] { ::syscall(SYS_write, fd, data, size / 2); };
  if (turn(half)) return -1;
  return ::syscall(SYS_write, fd, data, size);
}
ssize_t pread(int fd, void* data, size_t size, off_t offset) {
  if (turn()) return -1;
  return ::syscall(SYS_pread64, fd, data, size, offset);
}
int fsync(int fd) {
  static_cast<void>(fd);  // a process that dies leaves the cache to the system: no need to wait
  return turn() ? -1 : 0;
}
int close(int fd) {
  if (turn([&] { ::syscall(SYS_close, fd); })) return -1;
  return static_cast<int>(::syscall(SYS_close, fd));
}
int rename(const char* from, const char* to) noexcept {
  if (turn()) return -1;
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int unlink(const char* path) noexcept {
  if (turn()) return -1;
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
int fchmod(int fd, mode_t mode) noexcept {
  if (turn()) return -1;
  return static_cast<int>(::syscall(SYS_fchmod, fd, mode));
}

}  // extern "C"

namespace {

using solo::test::learner_config;
using solo::test::tiny_data;

constexpr int kSteps = 5;

solo::GPT2<float> new_model() {
  solo::GPT2<float> model(learner_config(), {.threads = 1, .seed = 5});
  model.add_adapter("a", solo::LoraConfig{.r = 1, .lora_dropout = 0.1});
  return model;
}

solo::TrainerOptions options_in(const std::filesystem::path& folder) {
  return {.output_dir = folder,
          .max_steps = kSteps,
          .batch_size = 2,
          .learning_rate = 1e-2,
          .logging_steps = 1};
}

/// Trains to the end in a folder, on from the newest checkpoint if `resume`; the calls of train()
/// count. Returns the weights.
std::vector<float> train(const std::filesystem::path& folder, bool resume, Plan* plan) {
  solo::GPT2<float> model = new_model();
  solo::TrainerOptions options = options_in(folder);
  options.save_steps = 1;
  options.save_total_limit = 1;
  options.resume = resume;
  solo::Trainer trainer(model, options);
  const solo::Dataset data = tiny_data();
  struct Disarm {
    ~Disarm() { armed = nullptr; }
  } const disarm;
  armed = plan;
  trainer.train(data);
  armed = nullptr;
  std::vector<float> out;
  for (solo::Parameter<float>* p : model.trainable_parameters()) {
    out.insert(out.end(), p->value().span().begin(), p->value().span().end());
  }
  return out;
}

/// A run that was killed after step 2.
void make_started(const std::filesystem::path& folder) {
  solo::GPT2<float> model = new_model();
  solo::Trainer trainer(model, options_in(folder));
  trainer.on_step([](const solo::StepInfo& s) { return s.step == 2; });
  trainer.train(tiny_data());
}

int temporaries(const std::filesystem::path& folder) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    count += entry.path().filename().string().starts_with(".solo-tmp-") ? 1 : 0;
  }
  return count;
}

/// A fresh copy of the started run for each call number; f(folder, plan) says whether the run got
/// through.
template <class F>
int for_each_call(Mode mode, int error, const F& f) {
  const solo::test::TempDir dir;
  make_started(dir.path() / "started");
  const std::vector<float> expected = train(dir.path() / "whole", false, nullptr);
  for (int n = 1;; ++n) {
    INFO("call " << n);
    REQUIRE(n < 2000);
    const std::filesystem::path folder = dir.path() / "run";
    std::filesystem::remove_all(folder);
    std::filesystem::copy(dir.path() / "started", folder);
    Plan plan{.mode = mode, .at = n, .error = error};
    const bool through = f(folder, plan);
    REQUIRE(solo::read_newest_checkpoint<float>(folder).checkpoint.state.step >= 2);
    // A new process goes on and ends with the same bits.
    const std::vector<float> weights = train(folder, true, nullptr);
    REQUIRE(std::memcmp(weights.data(), expected.data(), expected.size() * sizeof(float)) == 0);
    REQUIRE(temporaries(folder) == 0);
    if (through) return n - 1;
  }
}

}  // namespace

TEST_CASE("whichever system call fails, a checkpoint remains and no temporary", "[reliability]") {
  for (const int error : {EIO, ENOSPC}) {
    int failures = 0;
    const int calls = for_each_call(Mode::fail, error, [&](const auto& folder, Plan& plan) {
      try {
        train(folder, true, &plan);
      } catch (const solo::Error& e) {
        armed = nullptr;
        ++failures;
        CHECK(
            (dynamic_cast<const solo::IoError*>(&e) != nullptr || e.id() == "checkpoint.damaged"));
      }
      CHECK(temporaries(folder) == 0);
      return plan.calls < plan.at;
    });
    CHECK(calls > 100);
    CHECK(failures > calls / 2);
  }
}

TEST_CASE("wherever the process is killed, a checkpoint remains", "[reliability]") {
  int killed = 0;
  const int calls = for_each_call(Mode::die, EIO, [&](const auto& folder, Plan& plan) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        train(folder, true, &plan);
      } catch (...) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFEXITED(status)) {
      CHECK(WEXITSTATUS(status) == 0);
      return true;
    }
    CHECK(WTERMSIG(status) == SIGKILL);
    ++killed;
    return false;
  });
  CHECK(calls > 100);
  CHECK(killed == calls);
}

TEST_CASE("a checkpoint that is written again stays whole when that fails", "[reliability]") {
  const solo::test::TempDir dir;
  make_started(dir.path());
  const std::filesystem::path path = dir.path() / "checkpoint-2.safetensors";
  const std::string before = solo::test::read(path);
  const solo::Checkpoint<float> checkpoint = solo::read_checkpoint<float>(path);
  std::vector<solo::CheckpointTensorRef<float>> refs;
  for (const auto& t : checkpoint.tensors) {
    refs.push_back({.name = t.name, .value = &t.value, .m = &t.m, .v = &t.v, .updates = t.updates});
  }
  for (int n = 1;; ++n) {
    REQUIRE(n < 500);
    Plan plan{.mode = Mode::fail, .at = n, .error = ENOSPC};
    armed = &plan;
    bool failed = false;
    try {
      solo::write_checkpoint<float>(
          path, {.state = checkpoint.state, .run = checkpoint.run, .tensors = refs});
    } catch (const solo::IoError& error) {
      armed = nullptr;
      failed = true;
      CHECK(std::string_view(error.what()).find("No space left") != std::string::npos);
    }
    armed = nullptr;
    REQUIRE(solo::test::read(path) == before);
    REQUIRE(temporaries(dir.path()) == 0);
    if (plan.calls < plan.at) {
      CHECK_FALSE(failed);
      break;
    }
  }
}

namespace {

constexpr std::array kResult = {"adapter_config.json", "adapter_model.safetensors",
                                "trainer_state.json", "training_args.json"};

/// A run whose result is an adapter.
void train_adapter(const std::filesystem::path& folder, double alpha, Plan* plan) {
  solo::GPT2<float> model(learner_config(), {.threads = 1, .seed = 5});
  model.add_adapter("a", solo::LoraConfig{.r = 1, .lora_alpha = alpha});
  solo::TrainerOptions options = options_in(folder);
  options.max_steps = 2;
  options.extra_args = solo::concat("{\"separator\":\"", alpha, "\"}");
  solo::Trainer trainer(model, options);
  trainer.on_save([&](solo::AtomicFolder& files) { model.save_adapter("a", files); });
  const solo::Dataset data = tiny_data();
  struct Disarm {
    ~Disarm() { armed = nullptr; }
  } const disarm;
  armed = plan;
  trainer.train(data);
}

/// Whether these are the files of that result.
bool same_result(const std::filesystem::path& folder, const std::filesystem::path& result) {
  return std::all_of(kResult.begin(), kResult.end(), [&](const char* name) {
    return solo::test::read(folder / name) == solo::test::read(result / name);
  });
}

bool refused(const std::filesystem::path& folder) {
  solo::GPT2<float> model(learner_config(), {.threads = 1, .seed = 5});
  try {
    model.load_adapter("a", folder);
    return false;
  } catch (const solo::Error&) {
    return true;
  }
}

}  // namespace

TEST_CASE("a result is replaced whole, whichever call fails or kills", "[reliability]") {
  const solo::test::TempDir dir;
  const std::filesystem::path old = dir.path() / "old";
  const std::filesystem::path fresh = dir.path() / "new";
  const std::filesystem::path folder = dir.path() / "run";
  train_adapter(old, 4, nullptr);
  train_adapter(fresh, 64, nullptr);
  for (const Mode mode : {Mode::fail, Mode::die}) {
    int kept = 0;
    int refusals = 0;
    for (int n = 1;; ++n) {
      INFO("call " << n);
      REQUIRE(n < 500);
      std::filesystem::remove_all(folder);
      std::filesystem::copy(old, folder);
      Plan plan{.mode = mode, .at = n};
      const pid_t child = ::fork();
      if (child == 0) {
        try {
          train_adapter(folder, 64, &plan);
        } catch (...) {
          ::_exit(1);
        }
        ::_exit(plan.calls < plan.at ? 0 : 2);
      }
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      const bool is_old = same_result(folder, old);
      const bool is_new = same_result(folder, fresh);
      const bool is_refused = refused(folder);
      kept += is_old ? 1 : 0;
      refusals += is_refused ? 1 : 0;
      REQUIRE((is_old || is_new || is_refused));
      if (mode == Mode::fail) REQUIRE((is_old || is_new));
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        CHECK(is_new);
        break;
      }
    }
    CHECK(kept > 20);
    CHECK((mode == Mode::die) == (refusals > 0));
  }
}

#endif
