#include "subset_files.hpp"

#include <algorithm>

#include "thinset/error.hpp"
#include "thinset/gather.hpp"
#include "thinset/npy_array.hpp"
#include "thinset/output_checks.hpp"

namespace thinset::filter {

namespace {

constexpr const char* indices_name = "indices.npy";

// The indices last: if files must be renamed one by one, the indices complete the subset.
std::vector<std::string> checked_names(const Options& options,
                                       std::span<const std::filesystem::path> sources,
                                       bool with_indices) {
  std::vector<std::string> names;
  for (const std::filesystem::path& source : sources) {
    names.push_back(source.filename());
  }
  if (with_indices) {
    names.emplace_back(indices_name);
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::filesystem::path output = options.output / names[i];
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw InvalidInput("two outputs would have the name '" + output.string() + "'");
    }
    check_against_inputs(output, options);
  }
  return names;
}

}  // namespace

void check_against_inputs(const std::filesystem::path& output, const Options& options) {
  std::vector<std::filesystem::path> inputs = options.files;
  for (const std::filesystem::path& file :
       {options.labels, options.initial_subset, options.choice_files.exclude,
        options.choice_files.among, options.choice_files.existing, options.choice_files.scores,
        options.choice_files.groups, options.choice_files.costs, options.ids}) {
    if (!file.empty()) {
      inputs.push_back(file);
    }
  }
  check_output(output, inputs);
}

SubsetFiles::SubsetFiles(const Options& options, std::span<const std::filesystem::path> sources,
                         bool with_indices)
    : folder_name_(options.output),
      sources_(sources),
      with_indices_(with_indices),
      folder_(options.output, checked_names(options, sources, with_indices)) {}

void SubsetFiles::write(std::span<const std::int64_t> indices, Job& job) {
  for (const std::filesystem::path& source : sources_) {
    OutputFile output = folder_.create(source.filename());
    gather(source, indices, output, job);
  }
  if (with_indices_) {
    OutputFile output = folder_.create(indices_name);
    write_npy(output, indices);
  }
  job.check();
  folder_.commit();
}

std::vector<std::string> SubsetFiles::names() const {
  std::vector<std::string> names;
  if (with_indices_) {
    names.push_back(folder_name_ / indices_name);
  }
  for (const std::filesystem::path& source : sources_) {
    names.push_back(folder_name_ / source.filename());
  }
  return names;
}

}  // namespace thinset::filter
