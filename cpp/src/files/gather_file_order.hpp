// Gathers rows in the order of the source file.
#pragma once

#include "files/input_file.hpp"
#include "files/row_pieces.hpp"
#include "thinset/output_file.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Rows below this size are too small for a system call each. They are always gathered in file
// order, so that one read fetches many.
constexpr std::size_t small_row = 512;

// Whether most of the rows would have to be read from the disk, judged by a sample.
bool is_on_disk(const InputFile& input, const RowPieces& pieces);

// Reads in ascending order with many concurrent reads, merging neighbours, which suits disks. Rows
// are written directly to their places in the new file.
void gather_in_file_order(const InputFile& input, const RowPieces& pieces, OutputFile& output,
                          Job& job);

}  // namespace thinset
