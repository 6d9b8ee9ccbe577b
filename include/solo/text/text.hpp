// SPDX-License-Identifier: MIT
/// @file
/// Text: the tokenizer, what it is built from, and its training.
#pragma once

#include <solo/text/added_token_files.hpp>  // IWYU pragma: export
#include <solo/text/added_tokens.hpp>       // IWYU pragma: export
#include <solo/text/bpe.hpp>                // IWYU pragma: export
#include <solo/text/bpe_trainer.hpp>        // IWYU pragma: export
#include <solo/text/byte_symbols.hpp>       // IWYU pragma: export
#include <solo/text/encodings.hpp>          // IWYU pragma: export
#include <solo/text/lines.hpp>              // IWYU pragma: export
#include <solo/text/lower_case.hpp>         // IWYU pragma: export
#include <solo/text/lower_case_table.hpp>   // IWYU pragma: export
#include <solo/text/pretokenizer.hpp>       // IWYU pragma: export
#include <solo/text/tokenizer.hpp>          // IWYU pragma: export
#include <solo/text/tokenizer_files.hpp>    // IWYU pragma: export
#include <solo/text/tokenizer_folder.hpp>   // IWYU pragma: export
#include <solo/text/tokenizer_json.hpp>     // IWYU pragma: export
#include <solo/text/unicode_table.hpp>      // IWYU pragma: export
#include <solo/text/utf8.hpp>               // IWYU pragma: export
#include <solo/text/vocabulary.hpp>         // IWYU pragma: export
#include <solo/text/white_space.hpp>        // IWYU pragma: export
#include <solo/text/whole_tokens.hpp>       // IWYU pragma: export
#include <solo/text/word_counts.hpp>        // IWYU pragma: export
#include <solo/text/word_table.hpp>         // IWYU pragma: export
