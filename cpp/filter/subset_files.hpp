// The files that gather and filter write into one folder, all of them or none.
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
  // `sources` are the files whose rows are copied. Throws InvalidInput where an output would be an
  // input, or two outputs would have one name.
  SubsetFiles(const Options& options, std::span<const std::filesystem::path> sources,
              bool with_indices);

  void write(std::span<const std::int64_t> indices, Job& job);

  // The outputs as the user calls them, the indices first.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::filesystem::path folder_name_;
  std::span<const std::filesystem::path> sources_;
  bool with_indices_;
  OutputFolder folder_;
};

// Throws InvalidInput where `output` is one of the files that the options name as inputs.
void check_against_inputs(const std::filesystem::path& output, const Options& options);

}  // namespace thinset::filter
