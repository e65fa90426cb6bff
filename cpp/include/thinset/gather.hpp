/// @file
/// Copying chosen rows of an array into a new .npy file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "thinset/api.hpp"
#include "thinset/parallel_for.hpp"

namespace THINSET_API thinset {

class OutputFile;

/// Row i of the new file is row indices[i] of the source; any element type, rank >= 1, order and
/// repetition. The destination is written atomically, and must not be the source itself. Throws
/// InvalidInput for an index outside [0, n_rows), naming its position; FormatError; FileError.
void gather(const std::filesystem::path& source, std::span<const std::int64_t> indices,
            const std::filesystem::path& destination, Job& job);

/// The same into a file that the caller has opened; commits it.
void gather(const std::filesystem::path& source, std::span<const std::int64_t> indices,
            OutputFile& output, Job& job);

/// Throws any error that gather would throw before it writes anything.
void check_gather(const std::filesystem::path& source, std::span<const std::int64_t> indices);

/// The same from memory: `rows` holds n_rows * row_bytes bytes; `row_shape` and `descr` are for the
/// header.
void gather(std::span<const std::byte> rows, const std::string& descr, std::uint64_t n_rows,
            std::span<const std::uint64_t> row_shape, std::size_t row_bytes,
            std::span<const std::int64_t> indices, const std::filesystem::path& destination,
            Job& job);

}  // namespace THINSET_API thinset
