#!/usr/bin/env bash
# Summary: check the models of lock, journal and queue with spin
# Usage: run.sh [--quick] [--list | VARIANT...]
#
# Runs spin on every variant of lock.pml, journal.pml and queue.pml, two at a time: the protocols must hold, and each broken
# variant must be caught, for the reason written in the table below. Prints one line for each:
# name, expected, found, states, seconds.
#
#   --quick   the slice that takes seconds and little memory; without it the large searches run too (minutes, 1.2 GB each)
#   --list    print the table of variants instead: size, name, model, mode, expected, flags
#   VARIANT   run only these
#
# Exit status: 0 everything as expected, 1 something was not, 64 usage, 77 skipped because spin or gcc is missing.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=../../scripts/lib/ui.sh
. "$here/../../scripts/lib/ui.sh"

# size|name|model|mode|expected|flags. Mode `safety` looks for a violated assertion, `progress` for an endless run.
# A broken variant gets the smallest world in which it breaks, so that its trace can be read.
print_variants() {
  sed -e '/^$/d' -e '/^#/d' <<'TABLE'
quick|lock-excludes|lock|safety|holds|
quick|lock-ends|lock|progress|holds|
quick|lock-excludes-3-processes|lock|safety|holds|-DPROCS=3
quick|lock-excludes-4-processes-unharmed|lock|safety|holds|-DPROCS=4 -DKILLS=0 -DPROGRAM_KILLS=0
full|lock-ends-3-processes|lock|progress|holds|-DPROCS=3
full|lock-excludes-3-kills|lock|safety|holds|-DKILLS=3
full|lock-excludes-3-processes-2-kills|lock|safety|holds|-DPROCS=3 -DKILLS=2 -DPROGRAM_KILLS=2
full|lock-ends-3-processes-2-kills|lock|progress|holds|-DPROCS=3 -DKILLS=2

quick|lock-naive|lock|safety|two writers|-DMUTANT -DRECLAIM_NAIVE
quick|lock-reverify-then-remove|lock|safety|two writers|-DMUTANT -DRECLAIM_REVERIFY
quick|lock-rename-aside|lock|safety|two writers|-DMUTANT -DRECLAIM_ASIDE
quick|lock-owner-probed-last|lock|safety|two writers|-DMUTANT -DRECLAIM_PROBE_LAST -DPROCS=3
full|lock-owner-probed-last-4-processes-unharmed|lock|safety|two writers|-DMUTANT -DRECLAIM_PROBE_LAST -DPROCS=4 -DKILLS=0 -DPROGRAM_KILLS=0
quick|lock-break-without-guard|lock|safety|two writers|-DMUTANT -DBREAK_UNGUARDED
quick|lock-guard-by-mkdir-wedges|lock|progress|never ends|-DMUTANT -DGUARD_MKDIR
full|lock-guard-by-mkdir-excludes|lock|safety|holds|-DMUTANT -DGUARD_MKDIR -DPROCS=3
quick|lock-guard-by-mkdir-dead-check|lock|safety|two writers|-DMUTANT -DGUARD_MKDIR -DGUARD_DEAD_CHECK -DPROCS=3
quick|lock-ownerless-after-grace-period|lock|safety|two writers|-DMUTANT -DMKDIR_DECIDES -DGRACE_PERIOD
quick|lock-ownerless-never-cleared|lock|progress|never ends|-DMUTANT -DMKDIR_DECIDES
quick|lock-owner-named-by-pid|lock|safety|two writers|-DMUTANT -DOWNER_IS_PID
quick|lock-verdict-by-pid-only|lock|safety|two writers|-DMUTANT -DVERDICT_PID_ONLY
quick|lock-children-unseen-by-scan|lock|safety|two writers|-DMUTANT -DVERDICT_SCAN
quick|lock-release-without-test|lock|safety|two writers|-DMUTANT -DRELEASE_BLIND
quick|lock-release-closes-beacon-first|lock|safety|two writers|-DMUTANT -DRELEASE_CLOSES_BEACON

quick|journal-holds|journal|safety|holds|
quick|journal-ends|journal|progress|holds|
quick|journal-holds-2-commits|journal|safety|holds|-DCOMMITS=2
full|journal-ends-2-writes|journal|progress|holds|-DWRITES=2
full|journal-holds-2-writes-2-commits-2-crashes|journal|safety|holds|-DWRITES=2 -DCOMMITS=2 -DCRASHES=2

quick|journal-missing|journal|safety|our commit wrong|-DNO_JOURNAL -DWITHOUT_WATCH -DWRITES=0
quick|journal-base-forgotten|journal|safety|base is OLD|-DNO_JOURNAL
quick|journal-rolls-back|journal|safety|our commit wrong|-DROLL_BACK -DWITHOUT_WATCH -DWRITES=0
quick|journal-ref-first|journal|safety|plain commit reverts|-DREF_FIRST -DWRITES=0
quick|journal-swapped-by-content|journal|safety|put back undone|-DBY_CONTENT
quick|journal-rename-over|journal|safety|write lost|-DRENAME_OVER
quick|journal-no-late-pass|journal|safety|write lost|-DNO_LATE_PASS
quick|journal-carried-over-inode-not-kept|journal|safety|write lost|-DCARRIED_NOT_KEPT -DWRITES=2 -DCOMMITS=0 -DCRASHES=0
quick|journal-snapshot-before-late-pass|journal|safety|our commit wrong|-DSNAPSHOT_BEFORE_LATE_PASS
quick|journal-index-blind|journal|safety|plain commit reverts|-DINDEX_BLIND -DCOMMITS=2 -DCRASHES=0
quick|journal-index-keeps-staged|journal|safety|plain commit reverts|-DINDEX_KEEPS_STAGED -DCOMMITS=2 -DCRASHES=0
quick|journal-expects-the-first-tip-forever|journal|progress|never ends|-DEXPECTED_ONCE -DWRITES=0
quick|queue-tells-the-truth|queue|safety|holds|-DPROCS=2
quick|queue-tells-the-truth-3-processes|queue|safety|holds|-DKILLS=0
quick|queue-ends|queue|progress|holds|-DPROCS=2
full|queue-tells-the-truth-3-processes-2-kills|queue|safety|holds|
full|queue-ends-3-processes|queue|progress|holds|-DKILLS=0
quick|queue-tree-read-before-the-requests|queue|safety|told too early|-DREADS_THE_TREE_FIRST -DPROCS=2
quick|queue-answers-before-the-push|queue|safety|told too early|-DANSWERS_BEFORE_THE_PUSH -DPROCS=2
quick|queue-answers-who-came-later|queue|safety|told too early|-DANSWERS_WHO_CAME_LATER -DPROCS=2
quick|queue-commits-again|queue|safety|answers differ|-DCOMMITS_AGAIN
quick|queue-cleared-first-and-waits-for-the-answer-alone|queue|progress|never ends|-DCLEARS_FIRST -DWAITS_FOR_THE_ANSWER_ALONE -DPROCS=2
quick|queue-waits-for-the-answer-alone|queue|progress|never ends|-DWAITS_FOR_THE_ANSWER_ALONE -DPROCS=2
TABLE
}

# What spin said, in the table's words. `world too small` is a bound of the model, never a catch.
name_finding() {
  local output=$1 line
  line=$(grep -m1 '^pan:1:' "$output" || true)
  case $line in
    *'(writers==1)'*) echo 'two writers' ;;
    *'(owner==token)'*) echo 'lock lost' ;;
    *'(remote&'*) echo 'told too early' ;;
    *'(named['*) echo 'answers differ' ;;
    *'acceptance cycle'*) echo 'never ends' ;;
    *'slots['*'<'*) echo 'world too small' ;;
    *head_has_upstream*) echo 'unfinished' ;;
    *'staged['*) echo 'plain commit reverts' ;;
    *'written['*) echo 'write lost' ;;
    *'put_back['*) echo 'put back undone' ;;
    *'journal)'*) echo 'our commit wrong' ;;
    *'assertion violated 0'*) echo 'base is OLD' ;;
    ?*) echo "${line#pan:1: }" ;;
    *) if searched_everything "$output"; then echo holds; else echo failed; fi ;;
  esac
}

# "errors: 0" alone is also said of a search that memory or depth cut short.
searched_everything() {
  grep -q 'errors: 0$' "$1" && ! grep -q -e 'not completed' -e 'depth too small' "$1"
}

# Compiles and runs one search in the current directory; pan's report ends in ./report.
search() {
  local model=$1 mode=$2
  shift 2
  local compile='-DSAFETY -DNOCLAIM' run='-E' # -E: a wait without end is the business of `progress`
  if [ "$mode" = progress ]; then
    compile='-DNFAIR=3'
    run='-a -f' # weak fairness: who can go on, does so at some time
  fi
  # The flags are words of this file's own table.
  # shellcheck disable=SC2086
  spin "$@" -a "$model" >report 2>&1 &&
    gcc -O1 -w -DCOLLAPSE -DMEMLIM=3500 $compile -o pan pan.c >>report 2>&1 &&
    ./pan $run -m100000 >>report 2>&1
}

run_variant() {
  local row=$1 name model mode expected flags found states start ms
  IFS='|' read -r _ name model mode expected flags <<<"$row"
  work=$(mktemp -d "${TMPDIR:-/tmp}/claudetools-model.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cp "$here/$model.pml" "$work/"
  start=$(monotonic_ms)
  # shellcheck disable=SC2086
  (cd "$work" && search "$model.pml" "$mode" $flags) || true
  ms=$(($(monotonic_ms) - start))
  found=$(name_finding "$work/report")
  states=$(awk '/states, stored/ { print $1 }' "$work/report")
  [ "$found" != failed ] || cat "$work/report" >&2
  printf '%-46s %-21s %-21s %10s %5d.%d\n' \
    "$name" "$expected" "$found" "${states:--}" $((ms / 1000)) $((ms % 1000 / 100))
  [ "$found" = "$expected" ]
}

require_tools() {
  local tool
  for tool in spin gcc; do
    command -v "$tool" >/dev/null && continue
    warn "skipped: $tool is not installed (spin and gcc run the models)"
    exit 77
  done
}

# Each variant is a run of this program for that name alone, so xargs keeps both cores busy.
run_all() {
  printf '%-46s %-21s %-21s %10s %7s\n' name expected found states seconds
  cut -d '|' -f 2 | xargs -n 1 -P 2 bash "$here/run.sh" --one
}

main() {
  local rows mode=all name row
  rows=$(print_variants)
  if [ "${1-}" = --quick ]; then
    rows=$(print_variants | grep '^quick|')
    shift
  fi
  case ${1-} in
    --help)
      print_header "$here/run.sh"
      return 0
      ;;
    --list)
      printf '%s\n' "$rows"
      return 0
      ;;
    --one) mode=one && shift ;;
    -*) die 64 "unknown option $1" "see run.sh --help" ;;
  esac
  if [ $# -gt 0 ]; then
    local chosen=()
    for name in "$@"; do
      row=$(grep "^[a-z]*|$name|" <<<"$rows") || die 64 "no such variant: $name" "run.sh --list names them"
      chosen+=("$row")
    done
    rows=$(printf '%s\n' ${chosen[@]+"${chosen[@]}"})
  fi
  require_tools
  if [ "$mode" = one ]; then
    run_variant "$rows"
  else
    run_all <<<"$rows" || return 1
  fi
}

main "$@"
