#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string_view>
#include <utility>

#include "text.hpp"
#include "thinset/error.hpp"

namespace thinset::filter {

namespace {

// The argument in a usage error's message, which may have any length.
std::string got(const std::string& text) { return ", got '" + shortened(text) + "'"; }

template <class Number>
Number parse_number(const std::string& option, const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = end == text.data() + text.size();
  if (is_number && error == std::errc::result_out_of_range) {
    throw UsageError(option + " needs a whole number of at most " +
                     std::to_string(std::numeric_limits<Number>::max()) + got(text));
  }
  if (!is_number || error != std::errc()) {
    throw UsageError(option + " needs a non-negative whole number" + got(text));
  }
  return value;
}

template <class Number>
Number parse_positive(const std::string& option, const std::string& text) {
  const auto value = parse_number<Number>(option, text);
  if (value == 0) {
    throw UsageError(option + " must be at least 1" + got(text));
  }
  return value;
}

double parse_bandwidth(const std::string& text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value > 0.0)) {
    throw UsageError("--bandwidth needs a positive number such as 0.5" + got(text));
  }
  return value;
}

// Names are checked when they are parsed, so that a misspelt name is a usage error.
template <class Parse>
auto parse_name(const std::string& option, const std::string& text, const Parse& parse) {
  try {
    return parse(shortened(text));  // all valid names are shorter than the limit
  } catch (const InvalidInput& error) {
    throw UsageError(option + ": " + error.what());
  }
}

double parse_real(const std::string& option, const std::string& text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw UsageError(option + " needs a finite number" + got(text));
  }
  return value;
}

struct OptionRule {
  std::string_view name;
  std::string_view short_name;
  bool selects;  // applies to choosing rows
  std::function<void(Options&, const std::string&)> store;
  std::vector<std::string_view> methods = {};  // that it applies to; empty for all
};

const std::vector<OptionRule>& valued_options() {
  static const std::vector<OptionRule> rules = {
      {"--output", "-o", false, [](Options& o, const std::string& v) { o.output = v; }},
      {"--threads", "-t", false,
       [](Options& o, const std::string& v) {
         o.n_threads = parse_positive<unsigned>("--threads", v);
       }},
      {"--n-samples", "-n", true,
       [](Options& o, const std::string& v) {
         settle_n_samples(v, 1);
         o.n_samples = v;
       }},
      {"--method", "-m", true,
       [](Options& o, const std::string& v) {
         o.request.method = parse_name("--method", v, method_from_name);
         o.method = v;
       }},
      {"--metric", "", true,
       [](Options& o, const std::string& v) {
         o.request.metric = parse_name("--metric", v, metric_from_name);
       }},
      {"--labels", "", true, [](Options& o, const std::string& v) { o.labels = v; }},
      {"--per-class", "", true,
       [](Options& o, const std::string& v) {
         o.request.per_class = parse_name("--per-class", v, per_class_from_name);
       }},
      {"--initial-subset", "", true,
       [](Options& o, const std::string& v) { o.initial_subset = v; }},
      {"--exclude", "", true, [](Options& o, const std::string& v) { o.choice_files.exclude = v; }},
      {"--among", "", true, [](Options& o, const std::string& v) { o.choice_files.among = v; }},
      {"--cover",
       "",
       true,
       [](Options& o, const std::string& v) {
         o.request.choice.cover = parse_name("--cover", v, cover_from_name);
       },
       {"facility_location", "kmeans"}},
      {"--existing",
       "",
       true,
       [](Options& o, const std::string& v) { o.choice_files.existing = v; },
       {"max_sum", "max_min", "facility_location"}},
      {"--scores", "", true, [](Options& o, const std::string& v) { o.choice_files.scores = v; }},
      {"--score-weight", "", true,
       [](Options& o, const std::string& v) {
         o.request.choice.score_weight = parse_real("--score-weight", v);
       }},
      {"--min-score", "", true,
       [](Options& o, const std::string& v) {
         o.request.choice.min_score = parse_real("--min-score", v);
       }},
      {"--groups", "", true, [](Options& o, const std::string& v) { o.choice_files.groups = v; }},
      {"--max-per-group", "", true,
       [](Options& o, const std::string& v) {
         o.request.choice.max_per_group = parse_positive<std::size_t>("--max-per-group", v);
       }},
      {"--costs", "", true, [](Options& o, const std::string& v) { o.choice_files.costs = v; }},
      {"--budget", "", true,
       [](Options& o, const std::string& v) {
         o.request.choice.budget = parse_real("--budget", v);
       }},
      {"--min-distance",
       "",
       true,
       [](Options& o, const std::string& v) {
         o.request.choice.min_distance = parse_real("--min-distance", v);
       },
       {"max_min"}},
      {"--ids", "", true, [](Options& o, const std::string& v) { o.ids = v; }},
      {"--seed", "-s", true,
       [](Options& o, const std::string& v) {
         o.request.seed = parse_number<std::uint64_t>("--seed", v);
       }},
      {"--mode",
       "",
       true,
       [](Options& o, const std::string& v) {
         o.request.top_k.mode = parse_name("--mode", v, top_k_mode_from_name);
       },
       {"topk"}},
      {"--iterations",
       "",
       true,
       [](Options& o, const std::string& v) {
         o.request.kmeans.n_iterations = parse_number<std::size_t>("--iterations", v);
       },
       {"kmeans"}},
      {"--seeding",
       "",
       true,
       [](Options& o, const std::string& v) {
         o.request.kmeans.seeding = parse_name("--seeding", v, seeding_from_name);
       },
       {"kmeans"}},
      {"--max-swaps",
       "",
       true,
       [](Options& o, const std::string& v) {
         o.request.max_swaps = parse_number<std::size_t>("--max-swaps", v);
       },
       {"max_sum", "max_min", "facility_location"}},
      {"--kernel",
       "",
       true,
       [](Options& o, const std::string& v) {
         o.request.facility_location.kernel = parse_name("--kernel", v, coverage_kernel_from_name);
       },
       {"facility_location"}},
      {"--bandwidth",
       "",
       true,
       [](Options& o, const std::string& v) {
         o.request.facility_location.bandwidth = parse_bandwidth(v);
       },
       {"facility_location"}},
      {"--max-memory", "", true,
       [](Options& o, const std::string& v) {
         o.request.max_memory = parse_positive<std::uint64_t>("--max-memory", v);
       }},
  };
  return rules;
}

struct FlagRule {
  std::string_view name;
  bool selects;
  std::function<void(Options&)> store;
  std::vector<std::string_view> methods = {};
};

const std::vector<FlagRule>& flags() {
  static const std::vector<FlagRule> rules = {
      {"--json", false, [](Options& o) { o.json = true; }},
      {"--dry-run", true, [](Options& o) { o.dry_run = true; }},
      {"--whole-groups", true, [](Options& o) { o.request.choice.whole_groups = true; }},
      {"--one-per-group-first", true,
       [](Options& o) { o.request.choice.one_per_group_first = true; }},
      {"--no-refill", true, [](Options& o) { o.request.top_k.refill = false; }, {"topk"}},
      {"--drop-constant", true, [](Options& o) { o.request.top_k.drop_constant = true; }, {"topk"}},
      {"--stratified", true, [](Options& o) { o.request.stratified = true; }, {"random"}},
  };
  return rules;
}

Command parse_command(const std::string& name) {
  if (name == "select") return Command::select;
  if (name == "gather") return Command::gather;
  if (name == "filter") return Command::filter;
  if (name == "info") return Command::info;
  if (name == "--help" || name == "-h" || name == "help") return Command::help;
  if (name == "--version") return Command::version;
  throw UsageError("the command must be one of select, gather, filter, info; got '" +
                   shortened(name) + "'");
}

// Copying rows needs an output, and choosing rows needs their number.
void check_complete(const Options& options) {
  const auto need = [](bool met, const std::string& what) {
    if (!met) {
      throw UsageError(what);
    }
  };
  need(options.labels.empty() || options.request.per_class != PerClass::none ||
           options.request.stratified,
       "--labels needs --per-class, or --stratified with the method random");
  const std::size_t n_files = options.files.size();
  const bool has_number = !options.n_samples.empty() || options.request.choice.budget ||
                          options.request.choice.min_distance;
  switch (options.command) {
    case Command::select:
      need(n_files >= 1, "select takes one or more embeddings files, got 0");
      need(has_number, "select needs --n-samples, --budget or --min-distance");
      break;
    case Command::gather:
      need(n_files >= 2, "gather takes an index file and one or more .npy files");
      need(!options.output.empty(), "gather needs --output, a folder");
      break;
    case Command::filter:
      need(n_files >= 2, "filter takes an embeddings file and one or more .npy files");
      need(has_number, "filter needs --n-samples, --budget or --min-distance");
      need(options.ids.empty(), "--ids applies only to select; list the file to copy its rows");
      need(!options.dry_run, "--dry-run applies only to select");
      need(!options.output.empty(), "filter needs --output, a folder");
      break;
    case Command::info:
      need(n_files == 1, "info takes one .npy file, got " + std::to_string(n_files));
      break;
    case Command::help:
    case Command::version:
      break;
  }
}

void check_method(const std::string& option, const std::vector<std::string_view>& methods,
                  const std::string& method) {
  if (methods.empty() || std::ranges::find(methods, method) != methods.end()) {
    return;
  }
  std::string names;
  for (const std::string_view& name : methods) {
    names += (names.empty() ? "" : &name == &methods.back() ? " and " : ", ") + std::string(name);
  }
  throw UsageError(option + " applies only to the method" + (methods.size() > 1 ? "s " : " ") +
                   names + "; this one is " + method);
}

bool selects_rows(Command command) {
  return command == Command::select || command == Command::filter;
}

}  // namespace

Options parse_options(std::span<const char* const> arguments) {
  Options options;
  if (arguments.empty()) {
    throw UsageError("a command is missing: give select, gather, filter or info");
  }
  options.command = parse_command(arguments[0]);
  bool only_files = false;
  // Options as they were typed, and their methods, by name.
  std::map<std::string_view, std::pair<std::string, std::vector<std::string_view>>> given;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string argument = arguments[i];
    // Such as that of a shell variable that is not set.
    if (argument.empty()) {
      throw UsageError("an input file has an empty name; name a file, or leave it out");
    }
    if (only_files || argument[0] != '-') {
      options.files.emplace_back(argument);
      continue;
    }
    if (argument == "--") {
      only_files = true;
      continue;
    }
    if (argument == "--help" || argument == "-h") {
      options.command = Command::help;
      return options;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const auto refuse_misplaced = [&](bool selects) {
      if (selects && !selects_rows(options.command)) {
        throw UsageError(name + " applies only to select and filter");
      }
    };
    const auto note = [&](std::string_view option, const std::vector<std::string_view>& methods) {
      const auto [earlier, is_new] = given.try_emplace(option, name, methods);
      if (!is_new) {
        const std::string& first = earlier->second.first;
        throw UsageError(name + " is given twice" + (first == name ? "" : ", first as " + first) +
                         "; give it once");
      }
    };
    const auto flag =
        std::ranges::find_if(flags(), [&](const FlagRule& rule) { return rule.name == argument; });
    if (flag != flags().end()) {
      refuse_misplaced(flag->selects);
      note(flag->name, flag->methods);
      flag->store(options);
      continue;
    }
    const auto rule = std::ranges::find_if(valued_options(), [&](const OptionRule& candidate) {
      return candidate.name == name ||
             (!candidate.short_name.empty() && candidate.short_name == name);
    });
    if (rule == valued_options().end()) {
      throw UsageError("unknown option '" + shortened(argument) + "'");
    }
    refuse_misplaced(rule->selects);
    note(rule->name, rule->methods);
    if (equals == std::string::npos && i + 1 == arguments.size()) {
      throw UsageError(name + " needs a value");
    }
    const std::string value =
        equals == std::string::npos ? arguments[++i] : argument.substr(equals + 1);
    // Such as that of a shell variable that is not set: without it, rows would be chosen on other
    // terms.
    if (value.empty()) {
      throw UsageError(name + " needs a value, got an empty one");
    }
    rule->store(options, value);
  }
  check_complete(options);
  for (const auto& [option, typed] : given) {
    check_method(typed.first, typed.second, options.method);
  }
  return options;
}

std::size_t settle_n_samples(const std::string& text, std::size_t n_rows) {
  if (text.empty()) {
    return 0;
  }
  if (text.find('.') == std::string::npos) {
    return parse_number<std::size_t>("--n-samples", text);
  }
  double fraction = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fraction);
  if (error != std::errc() || end != text.data() + text.size() || text[0] == '-') {
    throw UsageError("--n-samples needs a count such as 4320 or a fraction such as 0.1" +
                     got(text));
  }
  return samples_of_fraction(fraction, n_rows);
}

std::string help_text() {
  return R"(Select a small, diverse subset of rows of .npy arrays, and copy it.

usage:
  thinset-filter select EMB.npy... -n K [-o INDICES.npy] [options]
  thinset-filter gather INDICES.npy FILE.npy... -o DIR [options]
  thinset-filter filter EMB.npy FILE.npy... -n K -o DIR [options]
  thinset-filter info FILE.npy

commands:
  select   choose K rows of an N x D array of embeddings; without -o, print the row numbers,
           one per line, in selection order. Several files are read as one array, with rows
           numbered through the files in the given order
  gather   write DIR/FILE.npy with the rows listed in INDICES.npy, in that order
  filter   select and gather in one step; also writes DIR/indices.npy
  info     show the type, shape and size of a .npy file

choosing rows:
  -n, --n-samples K        how many: a count, or with a decimal point a fraction of all rows (0.1),
                           those that may not be chosen included
  -m, --method NAME        topk (default), max_sum, max_min, facility_location, kmeans, random
      --metric NAME        euclidean (default), sqeuclidean, cosine: for max_sum, max_min and
                           facility_location
      --labels FILE.npy    one integer class label per row
      --per-class NAME     balanced or proportional: choose within each class
      --initial-subset FILE.npy   rows already chosen; they count towards K
      --exclude FILE.npy   rows that may not be chosen: row numbers, or one boolean per row
      --among FILE.npy     the only rows that may be chosen
      --cover NAME         facility_location, kmeans: represent all rows (default), or candidates,
                           those that may be chosen
      --existing FILE.npy  M x D embeddings that are owned already: max_min, max_sum and
                           facility_location start from them
      --scores FILE.npy    one number per row, higher is better
      --score-weight W     gains count times score^W (default 1)
      --min-score S        leave out rows with a lower score
      --groups FILE        one group per row: .npy of integers or text, or lines of text
      --max-per-group N    at most N rows of one group
      --whole-groups       all rows of a group or none; K is then an upper limit
      --one-per-group-first   one row of each group before a second one
      --costs FILE.npy     one positive number per row
      --budget B           the chosen rows cost at most B; K may be left out
      --min-distance D     max_min: until no row is further than this; K may be left out
      --ids FILE           select: one id per row, printed in place of row numbers: .npy of
                           integers or text, or lines of text
  -s, --seed SEED          for kmeans and random (default 0)
      --mode NAME          topk: max (default), min or abs activations
      --no-refill          topk: the plain union, which may be smaller than K
      --drop-constant      topk: ignore columns with one value in every row
      --stratified         random: draw from every class in proportion
      --iterations N       kmeans: at most N Lloyd iterations (default 10)
      --seeding NAME       kmeans: initial centres, kmeans++ (default) or random
      --max-swaps N        max_sum, max_min, facility_location: at most N exchanges that improve the
                           choice (default 0)
      --kernel NAME        facility_location: distance (default), gaussian, cosine
      --bandwidth NUMBER   facility_location with kernel gaussian (default: the median distance of
                           a sample)
      --max-memory BYTES   refuse work that may take more memory than this
      --dry-run            select: check the request and the output, print an estimate of memory
                           and time, and exit

running:
  -o, --output PATH        select: the index file; gather, filter: a folder
  -t, --threads N          default: all processors; the result is the same for any number
      --json               print one JSON object on standard output
  -h, --help, --version

Outputs are written atomically and never overwrite an input. gather and filter replace the folder
in one step; other files in it are kept.

exit status: 0 done, 2 usage, 3 bad input, 4 input/output failure (such as a full disk or a closed
standard output), 128 + N stopped by signal N: 130 interrupted, 143 terminated
)";
}

}  // namespace thinset::filter
