// SPDX-License-Identifier: MIT
/// @file
/// The kernels of one instruction set as function pointers, chosen once at run time. Kernels see
/// one row, one (segment, head) or one piece of a product at a time; threads sit above them.
#pragma once

#include <solo/core/rng.hpp>
#include <solo/kernels/isa.hpp>
#include <solo/kernels/operand.hpp>

#include <cmath>
#include <cstdint>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Values of k that one chain of fma covers.
inline constexpr Index kDepthBlock = 256;
/// Elements of b that a thread packs at a time: half of a usual second-level cache.
inline constexpr Index kPackedElements = 131072;

/// A piece of a matrix product: rows [row_begin, row_end) of c, of which it does the row tiles
/// [tile_begin, tile_end), the columns [col_begin, col_end), and k in [depth_begin, depth_end).
template <Scalar T>
struct GemmPart {
  Operand<T> a;
  Operand<T> b;
  MatrixView<T> c;
  bool accumulate = false;
  const T* bias = nullptr;           ///< (columns of c) or null; not with accumulate
  ConstMatrixView<T> residual = {};  ///< if not empty: added to c at the end
  MatrixView<T> activated = {};      ///< if not empty: receives activation(c)
  void (*activation)(Index n, const T* x, T* y) = nullptr;
  T* packed_a = nullptr;
  bool one_row = false;  ///< then packed_a is that row, not a tile
  T* packed_b = nullptr;
  Index sum_stride = 0;
  Index row_begin = 0;
  Index row_end = 0;
  Index tile_begin = 0;
  Index tile_end = 0;
  Index col_begin = 0;
  Index col_end = 0;
  Index depth_begin = 0;
  Index depth_end = 0;
  bool last = true;  ///< no more of the depth follows
};

/// See ops::NormForward.
template <Scalar T>
struct NormRow {
  const T* x = nullptr;
  const T* weight = nullptr;
  const T* bias = nullptr;
  double eps = 0.0;
  bool centered = true;
  T* y = nullptr;
  Index size = 0;
  T mean{};  ///< result
  T rstd{};  ///< result
};

/// See ops::NormBackward; dx, or dweight and dbias (each if not null).
template <Scalar T>
struct NormBackwardRow {
  const T* dy = nullptr;
  const T* x = nullptr;
  const T* weight = nullptr;
  T mean{};
  T rstd{};
  bool centered = true;
  Index size = 0;
  T* dx = nullptr;
  T* dweight = nullptr;
  T* dbias = nullptr;
};

/// The maximum of a logit row and sums over it.
struct LogitSums {
  double top = 0.0;
  double exp_sum = 0.0;  ///< Σ exp(x − top)
  double total = 0.0;    ///< Σ x
};

/// Inverted dropout of the elements with the numbers first, first + 1, …
struct DropoutRule {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
  std::uint32_t threshold = 0;  ///< kept if the number's 24 random bits are at least this; 0 = all
  double factor = 1.0;          ///< of what is kept

  DropoutRule() = default;
  DropoutRule(double p, const Philox& random)
      : seed(random.seed()),
        stream(random.stream()),
        threshold(
            p == 0.0 ? 0U : static_cast<std::uint32_t>(std::ceil(static_cast<float>(p) * 0x1p24F))),
        factor(1.0 / (1.0 - p)) {}
};

/// Constants of one AdamW step, see AdamWUpdate.
template <Scalar T>
struct AdamWStep {
  T gradient_scale{};
  T decay{};  ///< 1 − lr · weight_decay
  T beta1{};
  T beta2{};
  T rest1{};  ///< 1 − β1
  T rest2{};  ///< 1 − β2
  T step{};   ///< lr / c1
  T root{};   ///< 1 / √c2
  T epsilon{};
};

/// Keys and values of one head in consecutive rows.
template <Scalar T>
struct KeyRun {
  const T* keys = nullptr;
  const T* values = nullptr;
  Index key_stride = 0;
  Index value_stride = 0;
  Index length = 0;
};

/// One (segment, head): its queries, then the keys before its own rows, then its own.
template <Scalar T>
struct AttentionHead {
  const T* q = nullptr;
  Index q_stride = 0;
  KeyRun<T> before;
  KeyRun<T> own;
  Index dim = 0;
  T scale{};
  DropoutRule dropout;
  std::uint64_t dropout_first = 0;  ///< number of the first query's first key
  std::uint64_t dropout_step = 0;   ///< from a query to the next
  T* lse = nullptr;
  Index lse_stride = 0;
  T* scratch = nullptr;
  T* out = nullptr;
  Index out_stride = 0;
};

/// Gradients: rows have the stride d_stride, dk and dv point at own and at parent's rows.
template <Scalar T>
struct AttentionHeadBackward {
  const T* dout = nullptr;
  Index dout_stride = 0;
  T* dq = nullptr;
  T* dk_own = nullptr;
  T* dv_own = nullptr;
  T* dk_before = nullptr;
  T* dv_before = nullptr;
  Index d_stride = 0;
};

/// Tokens in a block of a key/value cache.
inline constexpr Index kCacheBlock = 32;
/// Elements from one token's values to the next: whole register tiles.
[[nodiscard]] constexpr Index cached_width(Index dim) {
  return (dim + kCacheBlock - 1) / kCacheBlock * kCacheBlock;
}
/// Elements of a head in a block: keys (dim, kCacheBlock), so transposed, then values
/// (kCacheBlock, cached_width(dim)).
[[nodiscard]] constexpr Index cached_head_size(Index dim) {
  return kCacheBlock * (dim + cached_width(dim));
}

/// Keys and values of kCacheBlock tokens, all layers and heads, which sequences may share.
template <Scalar T>
struct CacheBlock {
  T* data = nullptr;
  Index users = 0;
};

/// One head of a sequence with a cache, in which the queries' tokens follow `first` others. Their
/// keys and values go into the cache first.
template <Scalar T>
struct CachedHead {
  const T* q = nullptr;
  const T* k = nullptr;
  const T* v = nullptr;
  Index stride = 0;
  Index rows = 0;
  CacheBlock<T>* const* blocks = nullptr;
  const CacheBlock<T>* source = nullptr;  ///< what the started block is first copied from, or null
  Index offset = 0;                       ///< of the head in a block
  Index first = 0;
  Index dim = 0;
  T scale{};
  T* scratch = nullptr;
  T* out = nullptr;
  Index out_stride = 0;
};

}  // namespace detail

/// Function pointers of one instruction set. Vectors called x, y, … have n elements.
template <Scalar T>
struct KernelTable {
  Isa isa = Isa::scalar;
  Index lanes = 1;
  Index tile_rows = 1;
  Index panel_cols = 1;
  /// Packs the tiles [tile_begin, tile_end) of a.
  void (*gemm_pack)(const detail::GemmPart<T>& part, Index tile_begin, Index tile_end) = nullptr;
  void (*gemm_part)(const detail::GemmPart<T>& part) = nullptr;
  /// The same for a b of bfloat16 panels, a rounded to bfloat16; null without such instructions.
  void (*gemm_pack_pairs)(const detail::GemmPart<T>& part, Index tile_begin,
                          Index tile_end) = nullptr;
  void (*gemm_part_pairs)(const detail::GemmPart<T>& part) = nullptr;
  void (*gemm_rows)(const detail::GemmPart<T>& part) = nullptr;

  /// y = exp(x) within 2 ulp in float, subnormal results included.
  void (*exp)(Index n, const T* x, T* y) = nullptr;
  /// y = x · σ(2u), 2u = √(8/π) · (x + 0.044715 · x³), in float within 4 + 1.5 · max(0, −2u) ulp
  /// for x
  /// >= −9: the rounding of 2u is what exp makes of it.
  void (*gelu_new)(Index n, const T* x, T* y) = nullptr;
  /// dx += gelu_new'(x) · dy
  void (*gelu_new_backward)(Index n, const T* x, const T* dy, T* dx, bool accumulate) = nullptr;
  /// y += a · x
  void (*add_scaled)(Index n, T a, const T* x, T* y) = nullptr;
  /// z = x · y, or z += with `accumulate`
  void (*multiply)(Index n, const T* x, const T* y, T* z, bool accumulate) = nullptr;
  /// y = x · (0 or factor), or y += with `accumulate`
  void (*dropout)(Index n, const T* x, T* y, const detail::DropoutRule& rule, std::uint64_t first,
                  bool accumulate) = nullptr;

  void (*norm)(detail::NormRow<T>& row) = nullptr;
  void (*norm_backward)(const detail::NormBackwardRow<T>& row) = nullptr;
  void (*norm_gradients)(const detail::NormBackwardRow<T>& row) = nullptr;

  /// The sums of x; with `keep` x becomes exp(x − top).
  detail::LogitSums (*logit_sums)(Index n, T* x, bool keep) = nullptr;
  /// x = a · x + b
  void (*affine)(Index n, T a, T b, T* x) = nullptr;
  /// The largest element; NaN are passed over, −∞ for none.
  T (*maximum)(Index n, const T* x) = nullptr;
  /// The first element from `begin` on that is not less than the limit (NaN is not); n for none.
  Index (*find_not_less)(Index begin, Index n, const T* x, T limit) = nullptr;

  /// Elements of scratch that a head with this many keys needs, backward included.
  Index (*attention_scratch)(Index keys, Index dim) = nullptr;
  void (*attention)(const detail::AttentionHead<T>& head) = nullptr;
  void (*attention_backward)(const detail::AttentionHead<T>& head,
                             const detail::AttentionHeadBackward<T>& args) = nullptr;
  Index (*attention_cached_scratch)(Index keys, Index dim) = nullptr;
  void (*attention_cached)(const detail::CachedHead<T>& head) = nullptr;

  void (*adamw)(Index n, const detail::AdamWStep<T>& step, const T* gradient, T* m, T* v,
                T* value) = nullptr;
};

/// The table in use: of the best instruction set, of the one the environment variable SOLO_SIMD
/// names (read at the first call), or of the last set_isa. Throws ConfigError ("config.simd") when
/// SOLO_SIMD names an unknown one or one this CPU does not run.
template <Scalar T>
[[nodiscard]] const KernelTable<T>& kernels();

/// The instruction set in use. Throws as kernels() does.
[[nodiscard]] Isa active_isa();

/// Uses `isa` from now on, in all threads; call it while no kernel runs. Throws ConfigError
/// ("config.simd") when this CPU does not run it.
void set_isa(Isa isa);

/// Uses an instruction set for as long as the object lives; for tests and comparisons.
class ScopedIsa {
 public:
  explicit ScopedIsa(Isa isa) : previous_(active_isa()) { set_isa(isa); }
  ~ScopedIsa() { set_isa(previous_); }
  ScopedIsa(const ScopedIsa&) = delete;
  ScopedIsa& operator=(const ScopedIsa&) = delete;

 private:
  Isa previous_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/kernels/table.ipp>  // IWYU pragma: keep
#endif
