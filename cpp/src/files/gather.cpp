#include "thinset/gather.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "files/gather_file_order.hpp"
#include "files/input_file.hpp"
#include "files/row_pieces.hpp"
#include "thinset/error.hpp"
#include "thinset/npy_array.hpp"
#include "thinset/output_checks.hpp"
#include "thinset/output_file.hpp"

namespace thinset {

namespace {

// The new file is written in blocks that start at multiples of this size: small enough for a core's
// cache, and aligned, because the page cache stores aligned blocks in large pages.
constexpr std::uint64_t block_bytes = std::uint64_t{1} << 18;
// The number of finished blocks per request to the disk; fewer are synced faster at the end.
constexpr std::uint64_t blocks_per_sync = 64;

void check_indices(std::span<const std::int64_t> indices, std::uint64_t n_rows) {
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || static_cast<std::uint64_t>(indices[i]) >= n_rows) {
      throw InvalidInput("indices must be in [0, " + std::to_string(n_rows) + "): position " +
                         std::to_string(i) + " holds " + std::to_string(indices[i]));
    }
  }
}

// Fills bytes [begin, end) of the new file; read(source, destination) fetches bytes of the source.
template <class Read>
void read_block(const RowPieces& rows, std::uint64_t begin, std::uint64_t end, std::byte* block,
                const Read& read) {
  const std::uint64_t row_bytes = rows.row_bytes();
  auto row = static_cast<std::size_t>((begin - rows.target_begin()) / row_bytes);
  std::uint64_t start = (begin - rows.target_begin()) % row_bytes;
  while (begin < end) {
    const std::uint64_t size = std::min(row_bytes - start, end - begin);
    read(rows.source_of_row(row) + start, std::span(block, size));
    block += size;
    begin += size;
    start = 0;
    ++row;
  }
}

// In the order of the new file, for rows in memory or in the page cache, where access order does
// not matter.
template <class Read>
void gather_in_row_order(const RowPieces& rows, OutputFile& output, Job& job, const Read& read) {
  const std::size_t n_blocks = (rows.target_end() + block_bytes - 1) / block_bytes;
  std::vector<std::vector<std::byte>> buffers(job.n_threads(), std::vector<std::byte>(block_bytes));
  const auto copy_block = [&](std::size_t block, std::vector<std::byte>& buffer) {
    const std::uint64_t begin = std::max(block * block_bytes, rows.target_begin());
    const std::uint64_t end = std::min((block + 1) * block_bytes, rows.target_end());
    if (begin >= end) {
      return;  // inside a long header
    }
    read_block(rows, begin, end, buffer.data(), read);
    output.write_at(begin, {buffer.data(), static_cast<std::size_t>(end - begin)});
    job.count(end - begin);
    // The disk writes finished blocks while the next are read, except the latest, which other
    // threads may still be filling.
    if (block % blocks_per_sync == 0 && block >= 2 * blocks_per_sync) {
      output.start_syncing((block - 2 * blocks_per_sync) * block_bytes,
                           blocks_per_sync * block_bytes);
    }
  };
  job.parallel_for(n_blocks, 1, [&](std::size_t block, std::size_t, unsigned thread) {
    copy_block(block, buffers[thread]);
  });
}

struct RowLayout {
  std::string descr;
  std::vector<std::uint64_t> shape;  // of the new array
  std::size_t row_bytes;
};

// copy(pieces, output) copies every row to its place.
template <class Copy>
void write_rows(const RowLayout& layout, std::span<const std::int64_t> indices,
                std::uint64_t source_offset, OutputFile& output, Job& job, const Copy& copy) {
  const std::vector<std::byte> header = format_npy_header(layout.descr, layout.shape);
  const RowPieces pieces(indices, layout.row_bytes, source_offset, header.size());
  output.reserve(header.size() + indices.size() * layout.row_bytes);
  output.write_at(0, header);
  if (pieces.count() > 0) {
    job.set_total(indices.size() * layout.row_bytes);
    copy(pieces, output);
  }
  output.sync(job);
  output.commit();
}

// An .npy file whose rows the indices name.
class Source {
 public:
  Source(const std::filesystem::path& path, std::span<const std::int64_t> indices)
      : input_(path), header_(read_npy_header(input_)), indices_(indices) {
    if (header_.shape.empty()) {
      throw InvalidInput("'" + path.string() + "' is a single value; gather needs rows");
    }
    check_indices(indices, header_.n_rows());
  }

  void write(OutputFile& output, Job& job) const {
    RowLayout layout{header_.descr, header_.shape, header_.row_bytes()};
    layout.shape[0] = indices_.size();
    write_rows(layout, indices_, header_.data_offset, output, job,
               [&](const RowPieces& pieces, OutputFile& to) {
                 if (layout.row_bytes < small_row || is_on_disk(input_, pieces)) {
                   gather_in_file_order(input_, pieces, to, job);
                 } else {
                   gather_in_row_order(pieces, to, job,
                                       [&](std::uint64_t from, std::span<std::byte> bytes) {
                                         input_.read_at(from, bytes);
                                       });
                 }
               });
  }

 private:
  InputFile input_;
  NpyHeader header_;
  std::span<const std::int64_t> indices_;
};

}  // namespace

void check_gather(const std::filesystem::path& source, std::span<const std::int64_t> indices) {
  const Source checked(source, indices);
}

void gather(const std::filesystem::path& source, std::span<const std::int64_t> indices,
            OutputFile& output, Job& job) {
  Source(source, indices).write(output, job);
}

void gather(const std::filesystem::path& source, std::span<const std::int64_t> indices,
            const std::filesystem::path& destination, Job& job) {
  const Source rows(source, indices);
  check_output(destination, std::span(&source, 1));
  OutputFile output(destination);
  rows.write(output, job);
}

void gather(std::span<const std::byte> rows, const std::string& descr, std::uint64_t n_rows,
            std::span<const std::uint64_t> row_shape, std::size_t row_bytes,
            std::span<const std::int64_t> indices, const std::filesystem::path& destination,
            Job& job) {
  check_indices(indices, n_rows);
  RowLayout layout{descr, {indices.size()}, row_bytes};
  layout.shape.insert(layout.shape.end(), row_shape.begin(), row_shape.end());
  OutputFile output(destination);
  write_rows(layout, indices, 0, output, job, [&](const RowPieces& pieces, OutputFile& to) {
    gather_in_row_order(pieces, to, job, [&](std::uint64_t from, std::span<std::byte> bytes) {
      std::memcpy(bytes.data(), rows.data() + from, bytes.size());
    });
  });
}

}  // namespace thinset
