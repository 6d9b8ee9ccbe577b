// SPDX-License-Identifier: MIT
/// @file
/// Scores of generated texts: BLEU, NIST, ROUGE-L, CIDEr, and how sure they are.
#pragma once

#include <solo/metrics/bleu.hpp>                // IWYU pragma: export
#include <solo/metrics/bootstrap.hpp>           // IWYU pragma: export
#include <solo/metrics/cider.hpp>               // IWYU pragma: export
#include <solo/metrics/common_subsequence.hpp>  // IWYU pragma: export
#include <solo/metrics/json_texts.hpp>          // IWYU pragma: export
#include <solo/metrics/mteval_tokenizer.hpp>    // IWYU pragma: export
#include <solo/metrics/ngrams.hpp>              // IWYU pragma: export
#include <solo/metrics/nist.hpp>                // IWYU pragma: export
#include <solo/metrics/ptb_tokenizer.hpp>       // IWYU pragma: export
#include <solo/metrics/rouge_l.hpp>             // IWYU pragma: export
#include <solo/metrics/text_evaluation.hpp>     // IWYU pragma: export
#include <solo/metrics/text_files.hpp>          // IWYU pragma: export
