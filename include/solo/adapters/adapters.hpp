// SPDX-License-Identifier: MIT
/// @file
/// Everything of adapters/.
#pragma once

#include <solo/adapters/adapter_file.hpp>
#include <solo/adapters/adapter_folder.hpp>
#include <solo/adapters/adapter_tensor.hpp>
#include <solo/adapters/model_adapters.hpp>
#include <solo/adapters/registry.hpp>
#include <solo/adapters/solo/config.hpp>
#include <solo/adapters/solo/connection.hpp>
#include <solo/adapters/solo/enums.hpp>
#include <solo/adapters/solo/gate.hpp>
#include <solo/adapters/solo/link_scale.hpp>
