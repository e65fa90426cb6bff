#compdef thinset-filter
# Completions of thinset-filter for zsh.

local -a running choosing selecting
running=(
  '(-t --threads)'{-t+,--threads=}'[number of threads; the result is the same for any]:number'
  '--json[print one JSON object on standard output]'
  '(-h --help)'{-h,--help}'[show the help text]'
)
choosing=(
  '(-n --n-samples)'{-n+,--n-samples=}'[how many rows]:count, or a fraction such as 0.1'
  '(-m --method)'{-m+,--method=}'[method]:name:(topk max_sum max_min facility_location kmeans random)'
  '--metric=[distance of max_sum, max_min and facility_location]:name:(euclidean sqeuclidean cosine)'
  '--labels=[one integer class label per row]:file:_files -g "*.npy"'
  '--per-class=[choose within each class]:name:(balanced proportional)'
  '--initial-subset=[rows already chosen]:file:_files -g "*.npy"'
  '--exclude=[rows that may not be chosen]:file:_files -g "*.npy"'
  '--among=[the only rows that may be chosen]:file:_files -g "*.npy"'
  '--cover=[rows to represent]:name:(all candidates)'
  '--existing=[embeddings that are owned already]:file:_files -g "*.npy"'
  '--scores=[one number per row, higher is better]:file:_files -g "*.npy"'
  '--score-weight=[gains count times score^W]:number'
  '--min-score=[leave out rows with a lower score]:number'
  '--groups=[one group per row]:file:_files'
  '--max-per-group=[at most N rows of one group]:number'
  '--whole-groups[all rows of a group or none]'
  '--one-per-group-first[one row of each group before a second one]'
  '--costs=[one positive number per row]:file:_files -g "*.npy"'
  '--budget=[the chosen rows cost at most this]:number'
  '--min-distance=[max_min\: until no row is further than this]:number'
  '(-s --seed)'{-s+,--seed=}'[seed of kmeans and random]:number'
  '--mode=[topk\: activations that count]:name:(max min abs)'
  '--no-refill[topk\: the plain union]'
  '--drop-constant[topk\: ignore columns with one value in every row]'
  '--stratified[random\: draw from every class in proportion]'
  '--iterations=[kmeans\: at most N Lloyd iterations]:number'
  '--seeding=[kmeans\: initial centres]:name:(kmeans++ random)'
  '--max-swaps=[max_sum, max_min, facility_location\: at most N exchanges]:number'
  '--kernel=[facility_location\: what is summed]:name:(distance gaussian cosine)'
  '--bandwidth=[facility_location with kernel gaussian]:number'
  '--max-memory=[refuse work that may take more memory]:bytes'
)
selecting=(
  '--ids=[one id per row, printed in place of row numbers]:file:_files'
  '--dry-run[print an estimate of memory and time]'
)

_arguments -C '1:command:(select gather filter info --help --version)' '*::argument:->after' && return
if [[ $state == after ]]; then
  case $words[1] in
    select) _arguments $running $choosing $selecting \
      '(-o --output)'{-o+,--output=}'[the index file]:file:_files -g "*.npy"' \
      '*:embeddings:_files -g "*.npy"' ;;
    filter) _arguments $running $choosing \
      '(-o --output)'{-o+,--output=}'[folder]:folder:_files -/' '*:array:_files -g "*.npy"' ;;
    gather) _arguments $running \
      '(-o --output)'{-o+,--output=}'[folder]:folder:_files -/' '*:array:_files -g "*.npy"' ;;
    info) _arguments $running '1:array:_files -g "*.npy"' ;;
  esac
fi
