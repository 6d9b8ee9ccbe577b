// SPDX-License-Identifier: MIT
/// @file
/// Everything of solo/core.
#pragma once

#include <solo/core/activation.hpp>
#include <solo/core/arena.hpp>
#include <solo/core/checked_index.hpp>
#include <solo/core/config.hpp>
#include <solo/core/eigen.hpp>
#include <solo/core/error.hpp>
#include <solo/core/known_value.hpp>
#include <solo/core/mersenne_twister.hpp>
#include <solo/core/parallel.hpp>
#include <solo/core/rng.hpp>
#include <solo/core/scalar.hpp>
#include <solo/core/segment.hpp>
#include <solo/core/tensor.hpp>
#include <solo/core/view.hpp>
