// SPDX-License-Identifier: MIT
/// @file
/// The tape: records operations that something trainable feeds, and runs them backwards.
#pragma once

#include <solo/core/arena.hpp>
#include <solo/core/parallel.hpp>
#include <solo/core/rng.hpp>
#include <solo/core/view.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

template <Scalar T>
class Tape;

namespace detail {
/// What a Var points to; lives in the tape's arena.
template <Scalar T>
struct VarData {
  T* value = nullptr;
  T* grad = nullptr;
  Index rows = 0;
  Index cols = 0;
  bool requires_grad = false;
  bool kept = false;        // a recorded backward step reads the value
  bool restorable = false;  // one reads it through Tape::restored
  bool segment = false;     // made in a checkpointed segment
  void (*recipe)(const void* state, Tape<T>& tape, MatrixView<T> out) = nullptr;
  const void* state = nullptr;
};
}  // namespace detail

/// Handle of a matrix (rows, cols) on a tape; valid until the tape's backward() or clear().
template <Scalar T>
class Var {
 public:
  Var() = default;
  [[nodiscard]] Index rows() const { return data().rows; }
  [[nodiscard]] Index cols() const { return data().cols; }
  /// True if the gradient flows into it.
  [[nodiscard]] bool requires_grad() const { return data().requires_grad; }
  /// The elements. Throws ConfigError ("tape.released") after Tape::release.
  [[nodiscard]] MatrixView<T> value() const {
    if (data().value == nullptr) fail<ConfigError>("tape.released", "a released Var was read");
    return {data_->value, data_->rows, data_->cols};
  }
  /// The only element of a (1, 1) matrix, such as a loss. Throws ShapeError for another shape.
  [[nodiscard]] T item() const {
    if (rows() != 1 || cols() != 1) {
      fail<ShapeError>("shape.mismatch", "item: expected 1 x 1, found ", rows(), " x ", cols());
    }
    return *value().data;
  }
  explicit operator bool() const noexcept { return data_ != nullptr; }
  /// True if both name the same matrix.
  bool operator==(const Var&) const = default;

 private:
  friend class Tape<T>;
  /// ConfigError ("tape.released") for an empty Var.
  [[nodiscard]] detail::VarData<T>& data() const {
    if (data_ == nullptr) fail<ConfigError>("tape.released", "an empty Var was read");
    return *data_;
  }
  explicit Var(detail::VarData<T>* data) : data_(data) {}
  detail::VarData<T>* data_ = nullptr;
};

/// What a pass is for, and the key of its random numbers.
struct Pass {
  bool record = true;      ///< a backward pass follows
  bool training = true;    ///< dropout and gate schedules act
  std::uint64_t seed = 0;  ///< random numbers depend on (seed, step, site, index) alone
  std::int64_t step = 0;   ///< number of the batch
  double homotopy = 1.0;   ///< continuation parameter τ of a gate schedule
  bool gradient_checkpointing = false;  ///< Tape::checkpoint acts
};

/// Activations, and the operations to run backwards. An operation is recorded only if something it
/// feeds on must train (the frozen-prefix rule), so below the lowest trainable tensor nothing is
/// kept. Values that no backward pass needs are given back by release(). One thread uses a tape at
/// a time.
template <Scalar T>
class Tape {
 public:
  /// Uses this many threads until begin() lends a model's pool.
  explicit Tape(int threads = 1) : pool_(std::make_shared<ThreadPool>(threads)) {}
  /// Throws ConfigError ("tape.pool") for none.
  explicit Tape(std::shared_ptr<ThreadPool> pool) : pool_(std::move(pool)) {
    if (!pool_) fail<ConfigError>("tape.pool", "a tape needs a thread pool");
  }

  /// Empties the tape and starts a pass; `pool` null keeps the present one.
  void begin(const Pass& pass, std::shared_ptr<ThreadPool> pool = nullptr);

  [[nodiscard]] const Pass& pass() const noexcept { return pass_; }
  [[nodiscard]] ThreadPool& pool() noexcept { return *pool_; }
  /// Random numbers of a place in the model: `site` numbers it.
  [[nodiscard]] Philox random(std::uint32_t site) const noexcept {
    return Philox(pass_.seed, (std::uint64_t{1} << 63U) |
                                  (static_cast<std::uint64_t>(pass_.step) << 24U) | site);
  }

  /// For the rest of the pass row i of a matrix of numbers.size() rows is row numbers[i] of the
  /// batch, so that dropout's masks do not depend on which rows are computed.
  void number_rows(std::span<const Index> numbers);
  /// Numbers of the rows of a matrix of this many, valid in the backward pass too; null: 0, 1, ….
  [[nodiscard]] const Index* row_numbers(Index rows) const noexcept {
    return rows == static_cast<Index>(row_numbers_.size()) ? row_numbers_.data() : nullptr;
  }

  /// A new matrix, uninitialised.
  [[nodiscard]] Var<T> create(Index rows, Index cols, bool requires_grad);
  /// A new matrix that copies `source`; no gradient flows into it unless asked. Throws ShapeError
  /// ("shape.view") for rows that overlap or lie nowhere.
  [[nodiscard]] Var<T> copy(ConstMatrixView<T> source, bool requires_grad = false);
  /// Whether an operation on these inputs must be recorded.
  [[nodiscard]] bool needs(bool any_input_requires_grad) const noexcept {
    return pass_.record && any_input_requires_grad;
  }

  /// Records the backward step of the operation that made `output`. `step(tape)` reads
  /// grad(output) and accumulates into the gradients of its inputs. It is skipped if no gradient
  /// reached `output`; after it, value and gradient of `output` are given back.
  template <class F>
  void record(Var<T> output, const F& step) {
    add_node(output, true, step);
  }
  /// The same for an operation that changed `output` in place: its gradient is needed further.
  template <class F>
  void record_in_place(Var<T> output, const F& step) {
    output.data_->requires_grad = true;
    add_node(output, false, step);
  }

  /// f(tape), a new matrix that f makes of x alone. With gradient checkpointing nothing else of f
  /// is kept: the backward pass runs f again, then its steps, and has the same values, gradients
  /// and random numbers (Chen et al. 2016, "Training deep nets with sublinear memory cost"). f
  /// captures plain values and pointers only. Inside another checkpoint it does nothing.
  template <class F>
  [[nodiscard]] Var<T> checkpoint(Var<T> x, const F& f) {
    if (!pass_.record || !pass_.gradient_checkpointing || in_segment_) return f(*this);
    const std::size_t first = nodes_.size();
    in_segment_ = true;
    const Var<T> inner = f(*this);
    const Var<T> out = leave_segment(inner, first);
    if (out.requires_grad()) {
      keep(x);
      record(out, [out, f](Tape& tape) {
        const std::size_t begin = tape.nodes_.size();
        tape.in_segment_ = true;
        tape.run_segment(out, f(tape), begin);
      });
    }
    return out;
  }

  /// Keeps the value of x for a recorded backward step.
  void keep(Var<T> x) noexcept { x.data_->kept = true; }
  /// The same for a step that reads x through restored(): where there is a recipe, release() gives
  /// the memory back all the same.
  void keep_restorable(Var<T> x) noexcept { x.data_->restorable = true; }
  [[nodiscard]] bool is_kept(Var<T> x) const noexcept {
    return x.data_->kept || x.data_->restorable;
  }
  /// For an operation whose values are cheap: recipe(tape, out) computes those of x again, from
  /// what its own backward step keeps.
  template <class F>
  void set_recipe(Var<T> x, const F& recipe) {
    x.data_->state = stored(recipe);
    x.data_->recipe = [](const void* s, Tape& tape, MatrixView<T> out) {
      (*static_cast<const F*>(s))(tape, out);
    };
  }
  /// In a backward step, the value of x, computed again if it was given back.
  [[nodiscard]] MatrixView<T> restored(Var<T> x);
  /// Nothing later reads the value of x: its memory is reused, unless a backward step needs it.
  void release(Var<T> x);

  /// The gradient of x, zeros at first.
  [[nodiscard]] MatrixView<T> grad(Var<T> x);
  /// The gradient of x when there is none yet, uninitialised: the caller writes all of it.
  [[nodiscard]] MatrixView<T> fresh_grad(Var<T> x);
  [[nodiscard]] bool has_grad(Var<T> x) const noexcept { return x.data_->grad != nullptr; }
  /// Makes y's gradient that of x, if x has none and the same shape: a backward step that needs
  /// grad(y) no further can then work in place. Returns whether it did.
  bool move_grad(Var<T> y, Var<T> x) noexcept;

  /// `count` uninitialised elements that live until release_scratch or the end of the pass.
  template <class U = T>
  [[nodiscard]] U* scratch(Index count) {
    return static_cast<U*>(arena(in_segment_).allocate(checked_product(count, sizeof(U))));
  }
  template <class U = T>
  void release_scratch(U* pointer, Index count) {
    arena(in_segment_).release(pointer, checked_product(count, sizeof(U)));
  }

  /// For the owner of what is recorded, in a pass: backward() throws when the number has changed.
  void depend_on(std::shared_ptr<const std::atomic<std::uint64_t>> changes) {
    changes_ = std::move(changes);
    changes_then_ = *changes_;
  }
  /// Runs the recorded operations backwards from the (1, 1) matrix `loss`, adding to the gradients
  /// of the parameters, and empties the tape; its memory stays. Throws before it has run any:
  /// ShapeError ("tape.loss") for another shape, ConfigError "tape.other" for what this pass has
  /// not recorded, "tape.changed" when the model has since been changed, moved or destroyed. (That
  /// parameters used without a model still exist is for the caller to see to.) If an operation
  /// throws, the tape is emptied and the gradients are part-way.
  void backward(Var<T> loss);
  /// Forgets everything recorded; the memory stays.
  void clear() noexcept;

  /// Operations recorded now.
  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(nodes_.size()); }
  /// Bytes of memory held.
  [[nodiscard]] Index reserved() const noexcept {
    return arena_.reserved() + segment_arena_.reserved();
  }
  /// Most bytes of them that were in use at once so far, of those of checkpoints apart.
  [[nodiscard]] Index peak_used() const noexcept {
    return arena_.peak_used() + segment_arena_.peak_used();
  }

 private:
  struct Node {
    Var<T> output;
    bool owns_output;
    void (*call)(const void* step, Tape& tape);
    const void* step;
  };

  /// A copy that lives as long as the pass.
  template <class F>
  [[nodiscard]] const void* stored(const F& f) {
    static_assert(std::is_trivially_destructible_v<F> && alignof(F) <= kAlignment,
                  "a backward step captures plain values and pointers only");
    return new (arena(in_segment_).allocate(sizeof(F))) F(f);
  }
  template <class F>
  void add_node(Var<T> output, bool owns_output, const F& step) {
    nodes_.push_back({output, owns_output,
                      [](const void* s, Tape& tape) { (*static_cast<const F*>(s))(tape); },
                      stored(step)});
  }
  [[nodiscard]] Arena& arena(bool segment) noexcept { return segment ? segment_arena_ : arena_; }
  [[nodiscard]] T* take(const detail::VarData<T>& x);
  void give_back(const detail::VarData<T>& x, T*& memory);
  void require_recorded(Var<T> loss) const;
  /// Runs the steps from the last one down to number `first` and drops them.
  void run_down_to(std::size_t first);
  /// The segment's result outside of it; everything else of it is forgotten.
  [[nodiscard]] Var<T> leave_segment(Var<T> inner, std::size_t first);
  /// The backward steps from number `first` on, of a segment that has just been run again.
  void run_segment(Var<T> out, Var<T> inner, std::size_t first);

  std::shared_ptr<ThreadPool> pool_;
  Pass pass_;
  std::span<const Index> row_numbers_;  // in the arena
  Arena arena_;
  Arena segment_arena_;  // of the checkpointed segment that runs
  bool in_segment_ = false;
  std::vector<Node> nodes_;
  std::shared_ptr<const std::atomic<std::uint64_t>> changes_;  // may be null
  std::uint64_t changes_then_ = 0;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/autograd/tape.ipp>  // IWYU pragma: keep
#endif
