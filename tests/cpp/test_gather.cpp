#include <cstring>
#include <fstream>
#include <string>
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

}  // namespace

TEST(rows_of_every_size_arrive_in_order) {
  const sample::Folder folder;
  for (const std::uint64_t row_bytes : {0U, 1U, 13U, 3072U, 2000000U}) {
    const std::uint64_t n_rows = row_bytes > 10000 ? 5 : 1000;
    write_rows(folder / "in.npy", n_rows, row_bytes);
    const NpyArray source(folder / "in.npy");
    std::vector<std::int64_t> indices;
    Random random(row_bytes);
    for (int i = 0; i < 777; ++i) {
      if (row_bytes > 10000 && i == 7) break;
      indices.push_back(static_cast<std::int64_t>(random.below(n_rows)));
    }
    for (const unsigned n_threads : {1U, 3U}) {
      Job job(n_threads);
      gather(folder / "in.npy", indices, folder / "out.npy", job);
      const NpyArray copy(folder / "out.npy");
      CHECK((copy.header().shape == std::vector<std::uint64_t>{indices.size(), row_bytes}));
      bool equal = true;
      for (std::size_t i = 0; i < indices.size() && row_bytes > 0; ++i) {
        equal =
            equal && std::memcmp(copy.data() + i * row_bytes,
                                 source.data() + static_cast<std::size_t>(indices[i]) * row_bytes,
                                 row_bytes) == 0;
      }
      CHECK(equal);
    }
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
