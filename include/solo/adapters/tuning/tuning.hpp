// SPDX-License-Identifier: MIT
/// @file
/// Selections of the base's own parameters that train.
#pragma once

#include <solo/adapters/tuning/bitfit.hpp>
#include <solo/adapters/tuning/layer_norm.hpp>
#include <solo/adapters/tuning/replacement.hpp>
