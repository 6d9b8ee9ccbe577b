// SPDX-License-Identifier: MIT
/// @file
/// Everything of optim/.
#pragma once

#include <solo/optim/adamw.hpp>
#include <solo/optim/clip.hpp>
#include <solo/optim/param_groups.hpp>
#include <solo/optim/schedule.hpp>
