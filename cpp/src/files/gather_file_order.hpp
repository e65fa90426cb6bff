// Gathering in the order in which the rows lie in the source.
#pragma once

#include "files/input_file.hpp"
#include "files/row_pieces.hpp"
#include "thinset/output_file.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

// Rows below this size are not worth a system call each: they are gathered in file order wherever
// they are, so that one read fetches many.
constexpr std::size_t small_row = 512;

// Whether most of the rows would have to come from the disk; looks at a sample of them.
bool is_on_disk(const InputFile& input, const RowPieces& pieces);

// Reads in rising order with many reads under way at a time, neighbours in one, which is what a
// disk wants; the rows go straight to their places in the new file.
void gather_in_file_order(const InputFile& input, const RowPieces& pieces, OutputFile& output,
                          Job& job);

}  // namespace thinset
