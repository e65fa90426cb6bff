#include "files/gather_file_order.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace thinset {

namespace {

// Number of rows whose reads are sorted and merged at a time: little memory, and sorted in under
// 0.1 s.
constexpr std::size_t max_window = std::size_t{1} << 19;
// Small rows of a window are collected in a buffer of at most this size.
constexpr std::size_t window_bytes = std::size_t{1} << 26;
// Reading through a gap of this size takes a disk about as long as one more read.
constexpr std::size_t max_gap = std::size_t{1} << 14;
// Enough to keep a solid-state disk busy.
constexpr std::size_t reads_ahead = 128;
constexpr std::size_t reads_per_block = 16;
// A read that serves many repetitions is repeated too, so that no block takes long.
constexpr std::size_t max_bytes_served = std::size_t{1} << 20;

struct Copy {
  std::uint64_t source;
  std::size_t piece;
};

// The bytes that hold copies [first, last) of a window.
struct Read {
  std::uint64_t source;
  std::size_t size;
  std::size_t first;
  std::size_t last;
};

std::vector<Copy> rising_copies(const RowPieces& pieces, std::size_t begin, std::size_t end) {
  std::vector<Copy> copies(end - begin);
  for (std::size_t piece = begin; piece < end; ++piece) {
    copies[piece - begin] = {pieces.source(piece), piece};
  }
  const auto by_place = [](const Copy& a, const Copy& b) {
    return a.source != b.source ? a.source < b.source : a.piece < b.piece;
  };
  if (!std::ranges::is_sorted(copies, by_place)) {
    std::ranges::sort(copies, by_place);
  }
  return copies;
}

std::vector<Read> merge_neighbours(std::span<const Copy> copies, const RowPieces& pieces) {
  std::vector<Read> reads;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    const std::uint64_t start = copies[i].source;
    const std::size_t size = pieces.size(copies[i].piece);
    if (!reads.empty()) {
      Read& last = reads.back();
      const std::size_t merged = std::max<std::size_t>(last.size, start + size - last.source);
      const std::size_t served = (i - last.first + 1) * pieces.piece_bytes();
      if (start <= last.source + last.size + max_gap && merged <= RowPieces::max_piece &&
          served <= max_bytes_served) {
        last.size = merged;
        last.last = i + 1;
        continue;
      }
    }
    reads.push_back({start, size, i, i + 1});
  }
  return reads;
}

// The pieces [begin, end) of one gather.
class Window {
 public:
  Window(const InputFile& input, const RowPieces& pieces, OutputFile& output, std::size_t begin,
         std::size_t end)
      : input_(input),
        pieces_(pieces),
        output_(output),
        begin_(begin),
        end_(end),
        copies_(rising_copies(pieces, begin, end)),
        reads_(merge_neighbours(copies_, pieces)) {
    if (pieces.piece_bytes() < small_row) {
      small_rows_.resize((end - begin) * pieces.piece_bytes());
    }
  }

  void copy(Job& job) {
    std::vector<std::vector<std::byte>> buffers(job.n_threads());
    expect(0, reads_ahead);
    job.parallel_for(reads_.size(), reads_per_block,
                     [&](std::size_t begin, std::size_t end, unsigned thread) {
                       expect(begin + reads_ahead, end + reads_ahead);
                       for (std::size_t i = begin; i < end; ++i) {
                         fetch(reads_[i], buffers[thread]);
                         job.count((reads_[i].last - reads_[i].first) * pieces_.piece_bytes());
                       }
                     });
    output_.write_at(pieces_.target(begin_), small_rows_);
  }

 private:
  void expect(std::size_t begin, std::size_t end) const {
    for (std::size_t i = begin; i < std::min(end, reads_.size()); ++i) {
      input_.expect(reads_[i].source, reads_[i].size);
    }
  }

  void fetch(const Read& read, std::vector<std::byte>& buffer) {
    buffer.resize(RowPieces::max_piece);
    input_.read_at(read.source, {buffer.data(), read.size});
    for (std::size_t i = read.first; i < read.last;) {
      const std::byte* from = buffer.data() + (copies_[i].source - read.source);
      const std::uint64_t target = pieces_.target(copies_[i].piece);
      std::size_t size = pieces_.size(copies_[i].piece);
      // Rows that are adjacent in both files are copied in one piece.
      std::size_t next = i + 1;
      for (; next < read.last && copies_[next].piece == copies_[next - 1].piece + 1 &&
             copies_[next].source == copies_[i].source + size;
           ++next) {
        size += pieces_.size(copies_[next].piece);
      }
      deliver(target, {from, size});
      i = next;
    }
  }

  void deliver(std::uint64_t target, std::span<const std::byte> bytes) {
    if (small_rows_.empty()) {
      output_.write_at(target, bytes);
    } else {
      std::memcpy(small_rows_.data() + (target - pieces_.target(begin_)), bytes.data(),
                  bytes.size());
    }
  }

  const InputFile& input_;
  const RowPieces& pieces_;
  OutputFile& output_;
  std::size_t begin_;
  std::size_t end_;
  std::vector<Copy> copies_;
  std::vector<Read> reads_;
  std::vector<std::byte> small_rows_;
};

}  // namespace

bool is_on_disk(const InputFile& input, const RowPieces& pieces) {
  constexpr std::size_t n_samples = 64;
  const std::size_t n = std::min(n_samples, pieces.count());
  std::size_t n_resident = 0;
  for (std::size_t i = 0; i < n; ++i) {
    // Sampled across the selection, whose order is unrelated to the position in the file.
    n_resident += input.is_resident(pieces.source(i * (pieces.count() / n))) ? 1 : 0;
  }
  return n_resident + 1 < n;
}

void gather_in_file_order(const InputFile& input, const RowPieces& pieces, OutputFile& output,
                          Job& job) {
  std::size_t per_window = max_window;
  if (pieces.piece_bytes() < small_row) {
    per_window =
        std::min(per_window, window_bytes / std::max<std::size_t>(pieces.piece_bytes(), 1));
  }
  for (std::size_t begin = 0; begin < pieces.count(); begin += per_window) {
    Window(input, pieces, output, begin, std::min(begin + per_window, pieces.count())).copy(job);
    job.check();
  }
}

}  // namespace thinset
