// SPDX-License-Identifier: MIT
/// @file
/// Rows of a data file that are JSON objects: one a line, or one list of them.
#pragma once

#include <solo/data/row.hpp>

#include <filesystem>

namespace solo::inline SOLO_ABI::detail {

/// A row a line; holds one at a time.
void read_json_lines(const std::filesystem::path& path, bool allow_fifo, const RowMaker& maker,
                     RowSink& sink);
/// One list of rows, read in small pieces; a file that begins with an object is JSON lines.
void read_json_list(const std::filesystem::path& path, bool allow_fifo, const RowMaker& maker,
                    RowSink& sink);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/data/json_rows.ipp>  // IWYU pragma: keep
#endif
