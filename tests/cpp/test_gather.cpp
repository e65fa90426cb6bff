#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.hpp"
#include "sample_data.hpp"
#include "thinset/error.hpp"
#include "thinset/gather.hpp"
#include "thinset/npy_array.hpp"

using namespace thinset;

namespace {

void write_rows(const std::filesystem::path& path, std::uint64_t n_rows, std::uint64_t row_bytes) {
  const auto header = format_npy_header("|u1", std::vector<std::uint64_t>{n_rows, row_bytes});
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(header.data()),
             static_cast<std::streamsize>(header.size()));
  for (std::uint64_t i = 0; i < n_rows * row_bytes; ++i) {
    file.put(static_cast<char>(i * 2654435761U >> 7));
  }
}

// Rising, falling, neighbours, repeated and random rows.
std::vector<std::pair<const char*, std::vector<std::int64_t>>> index_lists(std::uint64_t n_rows) {
  Random random(n_rows);
  std::vector<std::int64_t> scattered(n_rows);
  for (std::int64_t& index : scattered) {
    index = static_cast<std::int64_t>(random.below(n_rows));
  }
  std::vector<std::int64_t> rising = scattered;
  std::ranges::sort(rising);
  const std::vector<std::int64_t> falling(rising.rbegin(), rising.rend());
  std::vector<std::int64_t> neighbours(n_rows / 2 + 1);
  std::iota(neighbours.begin(), neighbours.end(), static_cast<std::int64_t>((n_rows - 1) / 2));
  const std::vector<std::int64_t> repeated(n_rows, static_cast<std::int64_t>(n_rows - 1));
  return {{"scattered", scattered},
          {"rising", rising},
          {"falling", falling},
          {"neighbours", std::vector<std::int64_t>(neighbours.begin(), neighbours.end() - 1)},
          {"repeated", repeated}};
}

// Drops a file from the page cache, where the file system keeps it anywhere else.
void evict(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY);
  ::fsync(descriptor);
#ifdef __linux__
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
#endif
  ::close(descriptor);
}

enum class Source { memory, page_cache, disk };

void gather_from(Source source, const std::filesystem::path& path,
                 std::span<const std::int64_t> indices, const std::filesystem::path& destination,
                 Job& job) {
  if (source == Source::memory) {
    const NpyArray array(path);
    const NpyHeader& header = array.header();
    gather(std::span(array.data(), header.n_bytes()), header.descr, header.n_rows(),
           std::span(header.shape).subspan(1), header.row_bytes(), indices, destination, job);
    return;
  }
  if (source == Source::disk) {
    evict(path);
  }
  gather(path, indices, destination, job);
}

bool holds_rows(const std::filesystem::path& path, const std::filesystem::path& source,
                std::span<const std::int64_t> indices) {
  const NpyArray copy(path);
  const NpyArray original(source);
  const std::uint64_t row_bytes = original.header().row_bytes();
  if (copy.header().shape != std::vector<std::uint64_t>{indices.size(), row_bytes}) {
    return false;
  }
  for (std::size_t i = 0; i < indices.size() && row_bytes > 0; ++i) {
    const std::byte* row = original.data() + static_cast<std::size_t>(indices[i]) * row_bytes;
    if (std::memcmp(copy.data() + i * row_bytes, row, row_bytes) != 0) {
      return false;
    }
  }
  return true;
}

// Does something when it is first asked, and says whether to stop.
class AtFirstReport final : public Monitor {
 public:
  explicit AtFirstReport(std::function<bool()> action) : action_(std::move(action)) {}
  void report(std::uint64_t, std::uint64_t) override {}
  bool should_stop() override { return std::exchange(asked_, true) ? false : action_(); }
  // A job asks at most every 50 ms, counted from its start.
  static void wait_until_due() { std::this_thread::sleep_for(std::chrono::milliseconds(60)); }

 private:
  std::function<bool()> action_;
  bool asked_ = false;
};

}  // namespace

TEST(rows_of_every_size_and_order_arrive_from_everywhere) {
  const sample::Folder folder;
  // Around the small rows, the page, the piece of a long row, and several pieces.
  for (const std::uint64_t row_bytes :
       {0U, 1U, 13U, 511U, 512U, 3072U, 4095U, 4097U, 262144U, 262145U, 2000000U}) {
    const std::uint64_t n_rows = row_bytes > 10000 ? 7 : 3000;
    write_rows(folder / "in.npy", n_rows, row_bytes);
    for (const auto& [name, indices] : index_lists(n_rows)) {
      for (const Source source : {Source::memory, Source::page_cache, Source::disk}) {
        for (const unsigned n_threads : {1U, 3U}) {
          Job job(n_threads);
          gather_from(source, folder / "in.npy", indices, folder / "out.npy", job);
          const bool equal = holds_rows(folder / "out.npy", folder / "in.npy", indices);
          if (!equal) std::printf("%s, %zu bytes a row\n", name, std::size_t{row_bytes});
          CHECK(equal);
        }
      }
    }
  }
}

TEST(rows_half_of_which_are_on_the_disk_arrive) {
  const sample::Folder folder;
  write_rows(folder / "in.npy", 3000, 3072);
  evict(folder / "in.npy");
  const std::vector<std::int64_t> half = index_lists(1500).front().second;
  const std::vector<std::int64_t> all = index_lists(3000).front().second;
  for (const auto& indices : {half, all}) {
    Job job(2);
    gather(folder / "in.npy", indices, folder / "out.npy", job);
    CHECK(holds_rows(folder / "out.npy", folder / "in.npy", indices));
  }
}

TEST(an_interrupted_gather_leaves_nothing) {
  const sample::Folder folder;
  for (const std::uint64_t row_bytes : {8U, 3072U, 2000000U}) {
    const std::uint64_t n_rows = 6000000 / row_bytes;
    write_rows(folder / "in.npy", n_rows, row_bytes);
    for (const Source source : {Source::memory, Source::page_cache, Source::disk}) {
      AtFirstReport stop([] { return true; });
      Job job(2, &stop);
      stop.wait_until_due();
      check::message_of<Interrupted>([&] {
        gather_from(source, folder / "in.npy", index_lists(n_rows).front().second,
                    folder / "out.npy", job);
      });
      CHECK(folder.n_entries() == 1);
    }
  }
}

TEST(a_source_that_shrinks_is_an_error) {
  const sample::Folder folder;
  for (const Source source : {Source::page_cache, Source::disk}) {
    const std::uint64_t n_rows = 20000;
    write_rows(folder / "in.npy", n_rows, 3072);
    // The rows at the end come last in either order.
    std::vector<std::int64_t> indices(n_rows);
    std::iota(indices.begin(), indices.end(), 0);
    AtFirstReport shrink([&] {
      std::filesystem::resize_file(folder / "in.npy", 5000);
      return false;
    });
    Job job(1, &shrink);
    shrink.wait_until_due();
    CHECK(check::contains(check::message_of<FormatError>([&] {
                            gather_from(source, folder / "in.npy", indices, folder / "out.npy",
                                        job);
                          }),
                          "became shorter while it was read"));
    CHECK(folder.n_entries() == 1);
  }
}

TEST(no_rows_make_an_empty_array) {
  const sample::Folder folder;
  write_rows(folder / "in.npy", 3, 4);
  Job job(2);
  gather(folder / "in.npy", {}, folder / "out.npy", job);
  CHECK((NpyArray(folder / "out.npy").header().shape == std::vector<std::uint64_t>{0, 4}));
}

TEST(a_refusal_leaves_the_old_file) {
  const sample::Folder folder;
  write_rows(folder / "in.npy", 3, 4);
  write_rows(folder / "out.npy", 1, 1);
  const auto before = std::filesystem::file_size(folder / "out.npy");
  Job job(1);
  for (const std::int64_t bad : {std::int64_t{-1}, std::int64_t{3}, INT64_MAX, INT64_MIN}) {
    const std::vector<std::int64_t> indices = {0, bad};
    CHECK(check::contains(check::message_of<InvalidInput>(
                              [&] { gather(folder / "in.npy", indices, folder / "out.npy", job); }),
                          "position 1 holds " + std::to_string(bad)));
  }
  CHECK(std::filesystem::file_size(folder / "out.npy") == before);
  CHECK(folder.n_entries() == 2);
}

TEST(the_output_may_not_be_the_input_by_any_name) {
  const sample::Folder folder;
  write_rows(folder / "in.npy", 3, 4);
  std::filesystem::create_hard_link(folder / "in.npy", folder / "hard.npy");
  std::filesystem::create_symlink(folder / "in.npy", folder / "soft.npy");
  const std::vector<std::int64_t> indices = {0};
  Job job(1);
  for (const char* name : {"in.npy", "hard.npy", "soft.npy"}) {
    CHECK(check::contains(check::message_of<InvalidInput>(
                              [&] { gather(folder / "in.npy", indices, folder / name, job); }),
                          "output must not be the input"));
  }
}

TEST_MAIN
