// Matrices and folders for the tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "rows/rows.hpp"
#include "thinset/random.hpp"

namespace sample {

struct Matrix {
  std::size_t n_rows;
  std::size_t n_columns;
  std::vector<float> values;

  [[nodiscard]] thinset::Rows<float> rows() const {
    return {values.data(), n_rows, n_columns, n_columns};
  }
  [[nodiscard]] thinset::AnyMatrix any() const {
    return {values.data(), thinset::Element::float32, n_rows, n_columns, n_columns};
  }
};

// Uniform in [-1, 1).
inline Matrix uniform(std::size_t n_rows, std::size_t n_columns, std::uint64_t seed) {
  thinset::Random random(seed);
  Matrix matrix{n_rows, n_columns, std::vector<float>(n_rows * n_columns)};
  for (float& value : matrix.values) {
    value = static_cast<float>(2.0 * random.uniform() - 1.0);
  }
  return matrix;
}

// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "thinset-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::filesystem::path operator/(const std::filesystem::path& name) const {
    return path_ / name;
  }
  [[nodiscard]] std::size_t n_entries() const {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) {
      ++n;
    }
    return n;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace sample
