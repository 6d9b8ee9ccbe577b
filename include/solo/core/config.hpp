// SPDX-License-Identifier: MIT
/// @file
/// Version and build mode. Every declaration of the library lives in `solo::inline SOLO_ABI`, so
/// that objects built in the two modes (header-only and compiled), or with libstdc++'s checked
/// containers and without (_GLIBCXX_DEBUG, which changes their size), cannot be linked together.
#pragma once

#define SOLO_VERSION_MAJOR 0
#define SOLO_VERSION_MINOR 1
#define SOLO_VERSION_PATCH 0
#define SOLO_VERSION_STRING "0.1.0"

#ifndef SOLO_HEADER_ONLY
#define SOLO_HEADER_ONLY 1
#endif

#if SOLO_HEADER_ONLY
#define SOLO_INLINE inline
#if defined(_GLIBCXX_DEBUG)
#define SOLO_ABI v0_1_header_only_debug_containers
#else
#define SOLO_ABI v0_1_header_only
#endif
#else
#define SOLO_INLINE
#if defined(_GLIBCXX_DEBUG)
#define SOLO_ABI v0_1_compiled_debug_containers
#else
#define SOLO_ABI v0_1_compiled
#endif
#endif

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "solo checks for NaN and infinity; compile without -ffast-math / -ffinite-math-only"
#endif

#if !defined(__cpp_exceptions)
#error "solo reports errors by exceptions; compile with exceptions enabled"
#endif
