// SPDX-License-Identifier: MIT
/// @file
/// What this CPU and its memory can do at most, compiled for this CPU (-march=native) apart from
/// everything of the library.
#pragma once

#include <cstddef>

/// Some float multiply-adds that depend on nothing but registers; returns how many operations.
[[gnu::visibility("default")]] double peak_round();

/// The same with products of bfloat16 pairs added to floats; 0 where the CPU has no such
/// instruction.
[[gnu::visibility("default")]] double peak_bfloat16_round();

/// The most operations a second (of CPU time) that this thread does in a few rounds, measured now.
[[gnu::visibility("default")]] double measured_peak(double (*round)());

/// The most bytes a second (of CPU time) that this thread reads and writes in x = y + z / 2, with
/// `count` floats in the three together, measured now.
[[gnu::visibility("default")]] double measured_stream(std::size_t count);

/// Reads `count` floats, `count` a multiple of 256; returns a value that depends on all.
[[gnu::visibility("default")]] float read_memory(const float* values, std::size_t count);
