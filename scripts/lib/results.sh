# shellcheck shell=bash
# What a sync finds out, collected while it runs; report.sh and json.sh tell it, once, at the end.
# Needs: exit_codes, ui.

reset_results() {
  REPO_EXIT=$EXIT_OK
  REPORTED=' ' # the codes of PROBLEMS, in any order
  PROBLEMS=()  # "level<newline>first line<newline>more lines", in the order met
  FACTS=()     # single lines, already marked
  LEFT_OUT=()  # path, reason, fixes: one item of text each
  LEFT_PATHS=() OTHERS_LEFT=()
  COMMITS=() # "oid subject", oldest first
  ALL_CHANGED=()
  MERGED=() BLOCKED=()
  SPLIT_FACTS=() # lines on what stays in the folder, as the last round saw it
  WAITS=()       # id, path and line: what callers cannot save before somebody else does
  OWN_COMMITS=0 PUSHED='' RECEIVED_FILES=0 RECEIVED_COMMITS=0 RECEIVED_FROM=''
  PHASE_NAMES=() PHASE_MS=()
}

# problem CODE LEVEL LINE [MORE LINES]: LEVEL is ok, warn or error. The worst code becomes the repository's.
problem() {
  local code=$1 level=$2
  shift 2
  REPO_EXIT=$(worse_exit "$REPO_EXIT" "$code")
  REPORTED+="$code "
  PROBLEMS+=("$level"$'\n'"$(printf '%s\n' "$@")")
}

# left_out PATH WHY FIX...: one path that stays in the folder and is not sent.
left_out() {
  local text
  text="$(visible "$1") ($2)"
  LEFT_PATHS+=("$1")
  shift 2
  LEFT_OUT+=("$text"$'\n'"$(printf '%s\n' "$@")")
}

# What the last round left out counts, not what an earlier one did.
close_results() {
  FACTS+=(${SPLIT_FACTS[@]+"${SPLIT_FACTS[@]}"})
  set_others_aside
  EXIT_WITHOUT_LEFT=$REPO_EXIT
  [ ${#LEFT_OUT[@]} -eq 0 ] || REPO_EXIT=$(worse_exit "$REPO_EXIT" "$EXIT_HELD")
}

# waiting_paths ID: sets WAITING, the paths that this session's save has left for another session's.
waiting_paths() {
  local item path
  WAITING=()
  for item in ${WAITS[@]+"${WAITS[@]}"}; do
    [ "${item%%$'\t'*}" = "$1" ] || continue
    path=${item#*$'\t'} path=${path%%$'\t'*}
    contains "$path" ${WAITING[@]+"${WAITING[@]}"} || WAITING+=("$path")
  done
}

note_fact() { FACTS+=("$1"); }

# What git says where it could not write; not all of it names the reason.
is_disk_failure() {
  case $1 in
    *'No space left'* | *'Read-only file system'* | *'insufficient permission'* | *'Disk quota'*) return 0 ;;
    *"couldn't write"* | *'unable to write'* | *'failed to write'* | *'write error'* | *'unable to create temporary'*) return 0 ;;
  esac
  return 1
}

# report_unexplained STATUS: a step ended with STATUS. Where no problem of that code was reported, this is one: whatever
# failed, the run does not end well.
report_unexplained() {
  case $REPORTED in *" $1 "*) return 0 ;; esac
  report_git_failure "The step '${PHASE:-end}' of this sync"
}

# report_git_failure WHAT [WORDS]: the last words of a git that failed, for a failure that nobody foresaw.
report_git_failure() {
  local text=${2:-} code=$EXIT_INTERNAL
  [ -n "$text" ] || text=$(tail -n 1 "$WORK/error" 2>/dev/null)
  if [ -z "$text" ]; then
    # On a full disk git's own words could not be kept either.
    text=$({ printf '\n' >"$WORK/probe"; } 2>&1)
    text=${text##*: }
  fi
  text=$(visible "$text")
  if is_disk_failure "$text"; then code=$EXIT_CANNOT_CREATE; fi
  case $text in *'Permission denied'*) code=$EXIT_CANNOT_CREATE ;; esac
  problem "$code" error "$1 failed: ${text:-no message}" "Nothing is lost: your files are as they were. Run sync again; if it stays: bash $(command_path doctor.sh)"
}

# --- timings ------------------------------------------------------------------

begin_phase() { # closes the one before
  end_phase
  PHASE=$1 PHASE_BEGAN=$NOW_MS
  [ ! -s "$WORK/error" ] || : >"$WORK/error" # said in an earlier one
}

end_phase() {
  read_clock
  [ -n "${PHASE:-}" ] || return 0
  PHASE_NAMES+=("$PHASE")
  PHASE_MS+=($((NOW_MS - PHASE_BEGAN)))
  PHASE=''
}

# Tests stop or kill a run between two steps: CLAUDETOOLS_TEST_AT=PATTERN:SCRIPT runs SCRIPT where PATTERN is reached.
checkpoint() {
  local at=${CLAUDETOOLS_TEST_AT:-}
  [ -n "$at" ] || return 0
  # shellcheck disable=SC2254
  case $1 in ${at%%:*}) env -u CLAUDETOOLS_TEST_AT bash "${at#*:}" "$1" $$ ;; esac
}

repository_word() { # sets WORD
  if [ "$REPO_EXIT" = "$EXIT_OK" ] && [ ${#COMMITS[@]} -eq 0 ] && [ -z "$PUSHED" ]; then
    if [ $((${#BLOCKED[@]} + ${#WAITS[@]})) -gt 0 ]; then WORD=waiting; else WORD=nothing; fi
  else
    status_word "$REPO_EXIT"
  fi
}

# One line a sync, with the time of each phase; halved when it has grown beyond a megabyte.
write_history() {
  [ -d "$STATE" ] || return 0
  repository_word
  read_epoch
  {
    printf '{"time": %s, "exit": %s, "status": "%s", "commits": %s, "received": %s, "ms": {' \
      "$NOW" "$REPO_EXIT" "$WORD" "${#COMMITS[@]}" "$RECEIVED_COMMITS"
    local i comma=''
    for ((i = 0; i < ${#PHASE_NAMES[@]}; i++)); do
      printf '%s"%s": %s' "$comma" "${PHASE_NAMES[i]}" "${PHASE_MS[i]}"
      comma=', '
    done
    printf '}}\n'
  } 2>/dev/null >>"$STATE/history.jsonl"
  printf '%s %s %s\n' "$WORD" "${HEAD_OID:0:7}" "$NOW" 2>/dev/null >"$STATE/status"
  return 0
}

# Before every push and every move of a ref.
require_lock() {
  verify_lock && return 0
  problem "$EXIT_INTERNAL" error "The lock was taken from this run (process $$)." \
    "Nothing was pushed or moved after that. Who has it now: $(sync_command) --status"
  return "$EXIT_INTERNAL"
}
