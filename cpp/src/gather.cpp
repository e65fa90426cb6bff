#include "thinset/gather.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "thinset/error.hpp"
#include "thinset/npy_array.hpp"
#include "thinset/output_file.hpp"

namespace thinset {

namespace {

// Rows are copied in blocks of about this many bytes: large writes, little memory per thread.
constexpr std::size_t bytes_per_block = std::size_t{1} << 20;

void check_indices(std::span<const std::int64_t> indices, std::uint64_t n_rows) {
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || static_cast<std::uint64_t>(indices[i]) >= n_rows) {
      throw InvalidInput("indices must be in [0, " + std::to_string(n_rows) + "): position " +
                         std::to_string(i) + " holds " + std::to_string(indices[i]));
    }
  }
}

// A file read at any offset. Reading, unlike a mapping, turns a file that shrinks or a disk that
// fails under it into an error instead of a signal.
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) {
      throw FileError("open", path, errno);
    }
  }
  ~InputFile() { ::close(descriptor_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  void read_at(std::uint64_t offset, std::byte* destination, std::size_t size) const {
    while (size > 0) {
      const ssize_t n = ::pread(descriptor_, destination, size, static_cast<off_t>(offset));
      if (n < 0) {
        if (errno == EINTR) {
          continue;
        }
        throw FileError("read", path_, errno);
      }
      if (n == 0) {
        throw FormatError("'" + path_.string() + "' became shorter while it was read");
      }
      destination += n;
      offset += static_cast<std::uint64_t>(n);
      size -= static_cast<std::size_t>(n);
    }
  }

 private:
  std::filesystem::path path_;
  int descriptor_;
};

void refuse_same_file(const std::filesystem::path& source,
                      const std::filesystem::path& destination) {
  struct stat a{};
  struct stat b{};
  if (::stat(source.c_str(), &a) == 0 && ::stat(destination.c_str(), &b) == 0 &&
      a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
    throw InvalidInput("the output must not be the input: both are '" + source.string() + "'");
  }
}

struct RowLayout {
  std::string descr;
  std::vector<std::uint64_t> shape;  // of the new array
  std::size_t row_bytes;
};

// copy_row(row, destination) fetches one row.
template <class CopyRow>
void write_rows(const RowLayout& layout, std::span<const std::int64_t> indices,
                const std::filesystem::path& destination, Job& job, const CopyRow& copy_row) {
  const std::vector<std::byte> header = format_npy_header(layout.descr, layout.shape);
  const std::size_t row_bytes = layout.row_bytes;
  OutputFile output(destination);
  output.reserve(header.size() + indices.size() * row_bytes);
  output.write_at(0, header);
  if (row_bytes > 0) {
    const std::size_t rows_per_block = std::max<std::size_t>(1, bytes_per_block / row_bytes);
    // One call to parallel_for per batch, so that progress moves.
    const std::size_t rows_per_batch = rows_per_block * job.n_threads() * 8;
    std::vector<std::vector<std::byte>> buffers(job.n_threads());
    job.set_total(indices.size());
    for (std::size_t start = 0; start < indices.size(); start += rows_per_batch) {
      const std::size_t n = std::min(rows_per_batch, indices.size() - start);
      job.parallel_for(n, rows_per_block, [&](std::size_t begin, std::size_t end, unsigned thread) {
        std::vector<std::byte>& buffer = buffers[thread];
        buffer.resize(rows_per_block * row_bytes);
        for (std::size_t i = begin; i < end; ++i) {
          copy_row(static_cast<std::uint64_t>(indices[start + i]),
                   buffer.data() + (i - begin) * row_bytes);
        }
        output.write_at(header.size() + (start + begin) * row_bytes,
                        {buffer.data(), (end - begin) * row_bytes});
      });
      job.advance(n);
    }
  }
  output.commit();
}

}  // namespace

void gather(const std::filesystem::path& source, std::span<const std::int64_t> indices,
            const std::filesystem::path& destination, Job& job) {
  const NpyArray array(source);
  const NpyHeader& header = array.header();
  if (header.shape.empty()) {
    throw InvalidInput("'" + source.string() + "' is a single value; gather needs rows");
  }
  check_indices(indices, header.n_rows());
  refuse_same_file(source, destination);
  RowLayout layout{header.descr, header.shape, header.row_bytes()};
  layout.shape[0] = indices.size();
  const InputFile input(source);
  write_rows(layout, indices, destination, job, [&](std::uint64_t row, std::byte* to) {
    input.read_at(header.data_offset + row * layout.row_bytes, to, layout.row_bytes);
  });
}

void gather(std::span<const std::byte> rows, const std::string& descr, std::uint64_t n_rows,
            std::span<const std::uint64_t> row_shape, std::size_t row_bytes,
            std::span<const std::int64_t> indices, const std::filesystem::path& destination,
            Job& job) {
  check_indices(indices, n_rows);
  RowLayout layout{descr, {indices.size()}, row_bytes};
  layout.shape.insert(layout.shape.end(), row_shape.begin(), row_shape.end());
  write_rows(layout, indices, destination, job, [&](std::uint64_t row, std::byte* to) {
    std::memcpy(to, rows.data() + row * row_bytes, row_bytes);
  });
}

}  // namespace thinset
