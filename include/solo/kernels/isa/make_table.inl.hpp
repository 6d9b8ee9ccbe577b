// SPDX-License-Identifier: MIT
// The table of one instruction set. Included by table.ipp after its region has ended.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

inline KernelTable<Real> make_table(Isa isa) {
  return {.isa = isa,
          .lanes = kLanes,
          .tile_rows = kTileRows,
          .panel_cols = kPanelCols,
          .gemm_pack = gemm_pack,
          .gemm_part = gemm_part,
          .gemm_rows = gemm_rows,
          .exp = exp_row,
          .gelu_new = gelu_new_row,
          .gelu_new_backward = gelu_new_backward_row,
          .add_scaled = add_scaled_row,
          .multiply = multiply_row,
          .dropout = dropout_row,
          .norm = norm_row,
          .norm_backward = norm_backward_row,
          .norm_gradients = norm_gradients_row,
          .logit_sums = logit_sums_row,
          .affine = affine_row,
          .maximum = row_maximum,
          .find_not_less = find_not_less,
          .attention_scratch = attention_scratch,
          .attention = attention_head,
          .attention_backward = attention_head_backward,
          .attention_cached_scratch = attention_cached_scratch,
          .attention_cached = attention_cached,
          .adamw = adamw_row};
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
