# Completions of thinset-filter for bash. Where nothing below fits, bash offers file names.
_thinset_filter() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=
  # bash splits --metric=cosine at the "=".
  if [[ $current == "=" ]]; then
    current=
  elif [[ $previous == "=" ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "select gather filter info --help --version" -- "$current")
    return
  fi
  case $previous in
    -m | --method) words="topk max_sum max_min facility_location kmeans random" ;;
    --metric) words="euclidean sqeuclidean cosine" ;;
    --per-class) words="balanced proportional" ;;
    --cover) words="all candidates" ;;
    --mode) words="max min abs" ;;
    --seeding) words="kmeans++ random" ;;
    --kernel) words="distance gaussian cosine" ;;
    *)
      if [[ $current != -* ]]; then
        return
      fi
      words="--threads --json --help"
      if [[ ${COMP_WORDS[1]} != info ]]; then
        words+=" --output"
      fi
      case ${COMP_WORDS[1]} in
        select) words+=" --ids --dry-run" ;;&
        select | filter)
          words+=" --n-samples --method --metric --labels --per-class --initial-subset --exclude
            --among --cover --existing --scores --score-weight --min-score --groups --max-per-group
            --whole-groups --one-per-group-first --costs --budget --min-distance --seed --mode
            --no-refill --drop-constant --stratified --iterations --seeding --max-swaps --kernel
            --bandwidth --max-memory"
          ;;
      esac
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o bashdefault -o default -F _thinset_filter thinset-filter
