#include "commands.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "choice_files.hpp"
#include "json_writer.hpp"
#include "standard_streams.hpp"
#include "subset_files.hpp"
#include "text.hpp"
#include "thinset/error.hpp"
#include "thinset/estimate.hpp"
#include "thinset/gather.hpp"
#include "thinset/npy_array.hpp"
#include "thinset/output_file.hpp"
#include "thinset/version.hpp"

namespace thinset::filter {

namespace {

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// The request of the options, with the named files read.
class SettledRequest {
 public:
  SettledRequest(const Options& options, const AnyMatrix& embeddings)
      : request_(options.request), files_(options) {
    request_.choice = files_.choice();
    request_.n_samples = settle_n_samples(options.n_samples, embeddings.n_rows);
    if (!options.labels.empty()) {
      labels_ = NpyArray(options.labels).as_int64();
      if (labels_.empty()) {
        throw InvalidInput("labels must have one entry per row: expected " +
                           std::to_string(embeddings.n_rows) + ", got 0");
      }
      request_.labels = labels_;
    }
    if (!options.initial_subset.empty()) {
      initial_subset_ = NpyArray(options.initial_subset).as_int64();
      request_.initial_subset = initial_subset_;
    }
  }
  SettledRequest(const SettledRequest&) = delete;
  SettledRequest& operator=(const SettledRequest&) = delete;

  [[nodiscard]] const SelectionRequest& request() const { return request_; }

 private:
  SelectionRequest request_;
  ChoiceFiles files_;
  std::vector<std::int64_t> labels_;
  std::vector<std::int64_t> initial_subset_;
};

void print_estimate(const Options& options, const AnyMatrix& embeddings) {
  const SettledRequest settled(options, embeddings);
  check_request(embeddings, settled.request());
  const MemoryNeed memory = predicted_memory(embeddings, settled.request(), options.n_threads);
  const Seconds seconds = predicted_seconds(embeddings, settled.request(), options.n_threads);
  if (options.json) {
    JsonObject object;
    object.add("command", "select");
    object.add("memory_bytes", memory.likely);
    object.add("memory_bound", memory.at_most);
    object.add("seconds", seconds.middle);
    object.add("seconds_low", seconds.low);
    object.add("seconds_high", seconds.high);
    print(object.text() + "\n");
    return;
  }
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(),
                "memory beyond the embeddings: about %.1f MB, at most %.1f MB\n"
                "time: roughly %.2g s, from %.2g s to %.2g s\n",
                static_cast<double>(memory.likely) / 1e6, static_cast<double>(memory.at_most) / 1e6,
                seconds.middle, seconds.low, seconds.high);
  print(text.data());
}

void describe_selection(const Options& options, const AnyMatrix& embeddings,
                        const SelectionResult& result, const Job& job, JsonObject& object) {
  object.add("method", options.method);
  object.add("n_selected", std::uint64_t{result.indices.size()});
  object.add("n_total", std::uint64_t{embeddings.n_rows});
  object.add("n_columns", std::uint64_t{embeddings.n_columns});
  object.add("element", to_string(embeddings.element));
  object.add("threads", std::uint64_t{job.n_threads()});
  object.add("n_swaps", std::uint64_t{result.swaps.size()});
  object.add("constant_columns", std::span<const std::int64_t>(result.constant_columns));
  if (options.request.choice.budget) {
    object.add("spent", result.spent);
  }
}

void warn_of_constant_columns(const Options& options, const SelectionResult& result) {
  if (!result.constant_columns.empty() && !options.request.top_k.drop_constant) {
    const bool is_shown = print_message(
        "thinset-filter: warning: " + std::to_string(result.constant_columns.size()) +
        " columns have one value in every row; topk takes their rows in index order (see "
        "--drop-constant)\n");
    if (!is_shown) {
      throw FileError("write to", "standard error", EIO);
    }
  }
}

// The embeddings, in one file or one after another in several, mapped.
class EmbeddingFiles {
 public:
  explicit EmbeddingFiles(std::span<const std::filesystem::path> paths) {
    std::vector<AnyMatrix> shards;
    for (const std::filesystem::path& path : paths) {
      files_.emplace_back(path);
      guards_.push_back(files_.back().file().guard());
      shards.push_back(files_.back().as_matrix());
    }
    matrix_ = stack(shards);
  }
  [[nodiscard]] const AnyMatrix& matrix() const { return matrix_; }

  // The selected rows. The error that a file became shorter replaces any other error, which may be
  // caused by zeros in place of the missing bytes.
  [[nodiscard]] SelectionResult select(const Options& options, Job& job) const {
    for (const MappingGuard& guard : guards_) {
      job.watch(guard);
    }
    try {
      SelectionResult result =
          thinset::select(matrix_, SettledRequest(options, matrix_).request(), job);
      check();
      return result;
    } catch (const Interrupted&) {
      throw;
    } catch (...) {
      check();
      throw;
    }
  }

 private:
  void check() const {
    for (const NpyArray& file : files_) {
      file.file().check_length();
    }
    for (const MappingGuard& guard : guards_) {
      guard.check();
    }
  }

  std::vector<NpyArray> files_;
  std::vector<MappingGuard> guards_;
  AnyMatrix matrix_;
};

void run_select(const Options& options, Monitor& monitor) {
  const Stopwatch watch;
  const EmbeddingFiles files(options.files);
  const AnyMatrix& embeddings = files.matrix();
  // An output that cannot be written is refused before the work, and by an estimate as well.
  std::optional<OutputFile> output;
  if (!options.output.empty()) {
    check_against_inputs(options.output, options);
    output.emplace(options.output);
  }
  if (options.dry_run) {
    return print_estimate(options, embeddings);
  }
  std::vector<std::string> ids;
  if (!options.ids.empty()) {
    ids = read_ids(options.ids, embeddings.n_rows);
  }
  Job job(options.n_threads, &monitor);
  const SelectionResult result = files.select(options, job);
  warn_of_constant_columns(options, result);
  std::vector<std::string> names;
  for (const std::int64_t index : result.indices) {
    names.push_back(ids.empty() ? std::to_string(index) : ids[static_cast<std::size_t>(index)]);
  }
  if (output) {
    write_npy(*output, result.indices);
  }
  if (options.json) {
    JsonObject object;
    object.add("command", "select");
    describe_selection(options, embeddings, result, job, object);
    if (options.output.empty()) {
      object.add("indices", std::span<const std::int64_t>(result.indices));
      object.add("gains", std::span<const double>(result.gains));
      if (!ids.empty()) {
        object.add("ids", std::span<const std::string>(names));
      }
    } else {
      object.add("output", options.output.string());
    }
    object.add("seconds", watch.seconds());
    print(object.text() + "\n");
  } else if (options.output.empty()) {
    std::string lines;
    for (const std::string& name : names) {
      lines += name + "\n";
    }
    print(lines);
  } else {
    print("selected " + std::to_string(result.indices.size()) + " of " +
          std::to_string(embeddings.n_rows) + " rows: " + printable(options.output.string()) +
          "\n");
  }
}

void report_outputs(const Options& options, JsonObject& object, std::size_t n_rows,
                    const SubsetFiles& outputs, double seconds) {
  const std::vector<std::string> names = outputs.names();
  if (options.json) {
    object.add("outputs", std::span<const std::string>(names));
    object.add("seconds", seconds);
    print(object.text() + "\n");
    return;
  }
  for (const std::string& name : names) {
    print("wrote " + std::to_string(n_rows) + " rows: " + printable(name) + "\n");
  }
}

void run_gather(const Options& options, Monitor& monitor) {
  const Stopwatch watch;
  const std::vector<std::int64_t> indices = NpyArray(options.files[0]).as_int64();
  const std::span files = std::span(options.files).subspan(1);
  for (const std::filesystem::path& file : files) {
    check_gather(file, indices);
  }
  SubsetFiles outputs(options, files, false);
  Job job(options.n_threads, &monitor);
  outputs.write(indices, job);
  JsonObject object;
  object.add("command", "gather");
  object.add("n_selected", std::uint64_t{indices.size()});
  report_outputs(options, object, indices.size(), outputs, watch.seconds());
}

void run_filter(const Options& options, Monitor& monitor) {
  const Stopwatch watch;
  const EmbeddingFiles embedding_files(std::span(options.files).first(1));
  const AnyMatrix& embeddings = embedding_files.matrix();
  const std::span files = std::span(options.files).subspan(1);
  for (const std::filesystem::path& file : files) {
    const NpyHeader header = read_npy_header(file);
    if (header.n_rows() != embeddings.n_rows) {
      throw InvalidInput("every file must have one row per embedding: '" + file.string() +
                         "' has shape " + format_shape(header.shape) + ", the embeddings have " +
                         std::to_string(embeddings.n_rows) + " rows");
    }
  }
  SubsetFiles outputs(options, files, true);
  Job job(options.n_threads, &monitor);
  const SelectionResult result = embedding_files.select(options, job);
  warn_of_constant_columns(options, result);
  outputs.write(result.indices, job);
  JsonObject object;
  object.add("command", "filter");
  describe_selection(options, embeddings, result, job, object);
  report_outputs(options, object, result.indices.size(), outputs, watch.seconds());
}

void run_info(const Options& options) {
  const NpyArray array(options.files[0]);
  const NpyHeader& header = array.header();
  if (options.json) {
    const std::vector<std::int64_t> shape(header.shape.begin(), header.shape.end());
    JsonObject object;
    object.add("command", "info");
    object.add("file", array.path().string());
    object.add("type", header.descr);
    object.add("shape", std::span<const std::int64_t>(shape));
    object.add("data_bytes", header.n_bytes());
    object.add("data_offset", std::uint64_t{header.data_offset});
    print(object.text() + "\n");
    return;
  }
  print(printable(array.path().string()) + ": type " + printable(header.descr) + ", shape " +
        format_shape(header.shape) + ", " + std::to_string(header.n_bytes()) +
        " bytes of data from byte " + std::to_string(header.data_offset) + "\n");
}

// With the shell's `>> FILE`, text would be appended to an input while it is read.
void refuse_printing_into_inputs(const Options& options) {
  for (const std::filesystem::path& file : options.files) {
    if (is_standard_output(file)) {
      throw InvalidInput("the output must not be the input: standard output goes to '" +
                         file.string() + "'");
    }
  }
}

}  // namespace

void run(const Options& options, Monitor& monitor) {
  refuse_printing_into_inputs(options);
  switch (options.command) {
    case Command::select:
      return run_select(options, monitor);
    case Command::gather:
      return run_gather(options, monitor);
    case Command::filter:
      return run_filter(options, monitor);
    case Command::info:
      return run_info(options);
    case Command::help:
      return print(help_text());
    case Command::version:
      return print("thinset-filter " + std::string(version()) + "\n");
  }
}

}  // namespace thinset::filter
