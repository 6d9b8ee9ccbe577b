// SPDX-License-Identifier: MIT
/// @file
/// The whole library. Convenient, and slow to compile; every other header works alone too.
#pragma once

#include <solo/core/core.hpp>
