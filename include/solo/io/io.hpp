// SPDX-License-Identifier: MIT
/// @file
/// Files, JSON and safetensors.
#pragma once

#include <solo/io/atomic_folder.hpp>
#include <solo/io/checksum.hpp>
#include <solo/io/file.hpp>
#include <solo/io/finite.hpp>
#include <solo/io/folder_lock.hpp>
#include <solo/io/foreign_file.hpp>
#include <solo/io/json.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/io/json_visitor.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/io/safetensors_header.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/io/system_calls.hpp>
#include <solo/io/temporary_file.hpp>
#include <solo/io/tensor_store.hpp>
