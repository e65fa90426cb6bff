#include "thinset/gather.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "gather_file_order.hpp"
#include "row_pieces.hpp"
#include "thinset/error.hpp"
#include "thinset/input_file.hpp"
#include "thinset/npy_array.hpp"
#include "thinset/output_file.hpp"

namespace thinset {

namespace {

// Rows are copied in blocks of about this many bytes: large writes from what a core's cache holds.
constexpr std::size_t bytes_per_block = std::size_t{1} << 18;

void check_indices(std::span<const std::int64_t> indices, std::uint64_t n_rows) {
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || static_cast<std::uint64_t>(indices[i]) >= n_rows) {
      throw InvalidInput("indices must be in [0, " + std::to_string(n_rows) + "): position " +
                         std::to_string(i) + " holds " + std::to_string(indices[i]));
    }
  }
}

void refuse_same_file(const std::filesystem::path& source,
                      const std::filesystem::path& destination) {
  struct stat a{};
  struct stat b{};
  if (::stat(source.c_str(), &a) == 0 && ::stat(destination.c_str(), &b) == 0 &&
      a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
    throw InvalidInput("the output must not be the input: both are '" + source.string() + "'");
  }
}

// The order of the new file: for rows in memory or in the page cache, where any place is as near
// as any other. read(source, destination) fetches bytes of the source.
template <class Read>
void gather_in_row_order(const RowPieces& pieces, OutputFile& output, Job& job, const Read& read) {
  const std::size_t per_block = std::max<std::size_t>(1, bytes_per_block / pieces.piece_bytes());
  // One call to parallel_for per batch, so that progress moves.
  const std::size_t per_batch = per_block * job.n_threads() * 32;
  std::vector<std::vector<std::byte>> buffers(job.n_threads());
  for (std::size_t start = 0; start < pieces.count(); start += per_batch) {
    const std::size_t n = std::min(per_batch, pieces.count() - start);
    job.parallel_for(n, per_block, [&](std::size_t begin, std::size_t end, unsigned thread) {
      std::vector<std::byte>& buffer = buffers[thread];
      buffer.resize(per_block * pieces.piece_bytes());
      const std::uint64_t target = pieces.target(start + begin);
      for (std::size_t piece = start + begin; piece < start + end; ++piece) {
        read(pieces.source(piece),
             std::span(buffer.data() + (pieces.target(piece) - target), pieces.size(piece)));
      }
      output.write_at(target, {buffer.data(), pieces.target(start + end) - target});
    });
    job.advance(n);
  }
}

struct RowLayout {
  std::string descr;
  std::vector<std::uint64_t> shape;  // of the new array
  std::size_t row_bytes;
};

// copy(pieces, output) brings every row to its place.
template <class Copy>
void write_rows(const RowLayout& layout, std::span<const std::int64_t> indices,
                std::uint64_t source_offset, const std::filesystem::path& destination, Job& job,
                const Copy& copy) {
  const std::vector<std::byte> header = format_npy_header(layout.descr, layout.shape);
  const RowPieces pieces(indices, layout.row_bytes, source_offset, header.size());
  OutputFile output(destination);
  output.reserve(header.size() + indices.size() * layout.row_bytes);
  output.write_at(0, header);
  if (pieces.count() > 0) {
    job.set_total(pieces.count());
    copy(pieces, output);
  }
  output.commit();
}

}  // namespace

void gather(const std::filesystem::path& source, std::span<const std::int64_t> indices,
            const std::filesystem::path& destination, Job& job) {
  const InputFile input(source);
  const NpyHeader header = read_npy_header(input);
  if (header.shape.empty()) {
    throw InvalidInput("'" + source.string() + "' is a single value; gather needs rows");
  }
  check_indices(indices, header.n_rows());
  refuse_same_file(source, destination);
  RowLayout layout{header.descr, header.shape, header.row_bytes()};
  layout.shape[0] = indices.size();
  write_rows(layout, indices, header.data_offset, destination, job,
             [&](const RowPieces& pieces, OutputFile& output) {
               if (layout.row_bytes < small_row || is_on_disk(input, pieces)) {
                 gather_in_file_order(input, pieces, output, job);
               } else {
                 gather_in_row_order(pieces, output, job,
                                     [&](std::uint64_t from, std::span<std::byte> to) {
                                       input.read_at(from, to);
                                     });
               }
             });
}

void gather(std::span<const std::byte> rows, const std::string& descr, std::uint64_t n_rows,
            std::span<const std::uint64_t> row_shape, std::size_t row_bytes,
            std::span<const std::int64_t> indices, const std::filesystem::path& destination,
            Job& job) {
  check_indices(indices, n_rows);
  RowLayout layout{descr, {indices.size()}, row_bytes};
  layout.shape.insert(layout.shape.end(), row_shape.begin(), row_shape.end());
  write_rows(layout, indices, 0, destination, job,
             [&](const RowPieces& pieces, OutputFile& output) {
               gather_in_row_order(pieces, output, job,
                                   [&](std::uint64_t from, std::span<std::byte> to) {
                                     std::memcpy(to.data(), rows.data() + from, to.size());
                                   });
             });
}

}  // namespace thinset
