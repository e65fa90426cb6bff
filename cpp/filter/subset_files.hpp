// The files that gather and filter write to one folder, atomically.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "options.hpp"
#include "thinset/output_folder.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset::filter {

class SubsetFiles {
 public:
  // `sources` are the files whose rows are copied. Throws InvalidInput if an output would be an
  // input, or two outputs would have one name.
  SubsetFiles(const Options& options, std::span<const std::filesystem::path> sources,
              bool with_indices);

  void write(std::span<const std::int64_t> indices, Job& job);

  // The outputs under the user's names, indices first.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::filesystem::path folder_name_;
  std::span<const std::filesystem::path> sources_;
  bool with_indices_;
  OutputFolder folder_;
};

// Throws InvalidInput if `output` is one of the input files in the options.
void check_against_inputs(const std::filesystem::path& output, const Options& options);

}  // namespace thinset::filter
