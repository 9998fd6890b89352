# shellcheck shell=bash
# The outcome of a sync: every step ends in ok, "go round again", or a problem that it records here. Exit status, headline,
# JSON and history are made of this record alone; no other file changes it but by these functions.
# Needs: exit_codes, ui.
# Sets: ALL_CHANGED BLOCKED COMMITS EXIT_WITHOUT_LEFT FACTS LATER LEFT_OUT LEFT_PATHS MERGED ON_REMOTE OTHERS_LEFT
#   OWN_COMMITS PARKED_LINE PHASE_MS PHASE_NAMES PROBED PROBLEMS PUSHED RECEIVED_COMMITS RECEIVED_FILES RECEIVED_FROM
#   REPO_EXIT RUN_EXIT WAITING WORD.

RUN_EXIT=0 # the worst of all repositories of this run

reset_results() {
  REPO_EXIT=$EXIT_OK
  PROBLEMS=()   # "code level<newline>first line<newline>more lines", in the order met
  EXPLAINED=' ' # codes that a step may end with: a problem says why
  FACTS=()      # single lines, already marked
  LEFT_OUT=()   # path, reason, fixes: one item of text each
  LEFT_PATHS=() OTHERS_LEFT=() LATER=()
  COMMITS=() OWN_COMMITS=0 # "oid subject", oldest first; how many of them are the caller's
  ALL_CHANGED=()
  PUSHED=''    # "old..new", or "new oid"
  ON_REMOTE='' # the remote's tip, as it has answered in this run
  RECEIVED_FILES=0 RECEIVED_COMMITS=0 RECEIVED_FROM='' MERGED=() BLOCKED=()
  PARKED_LINE='' # of a conflict: what of the commits is where
  GIT_LOCK='' GIT_LOCK_LEFT=$GIT_LOCK_PATIENCE
  begin_round
  PHASE_NAMES=() PHASE_MS=()
}

# What an earlier round saw in the folder does not count.
begin_round() {
  ROUND_FACTS=() # lines on what stays there
  WAITS=()       # id, path and line: what callers cannot save before somebody else does
}

# problem CODE LEVEL LINE [MORE LINES]: LEVEL is ok, warn, deferred or error. The worst code becomes the repository's.
problem() {
  local code=$1 level=$2
  shift 2
  note_exit "$code"
  explain_exit "$code"
  PROBLEMS+=("$code $level"$'\n'"$(printf '%s\n' "$@")")
}

note_exit() {
  worse_exit "$REPO_EXIT" "$1"
  REPO_EXIT=$WORSE
}

# A step that has recorded its problem under another code ends with this one.
explain_exit() { EXPLAINED+="$1 "; }

end_repository() {
  worse_exit "$RUN_EXIT" "$REPO_EXIT"
  RUN_EXIT=$WORSE
}

forget_problems() { # a look that found nothing to be sure of
  PROBLEMS=() FACTS=() REPO_EXIT=$EXIT_OK
}

# left_out PATH WHY FIX...: one path that stays in the folder and is not sent. Of FIX, %allow and %ignore stand for the usual
# commands. Thousands come by here: no $( ) for each of them.
left_out() {
  local VISIBLE path=$1 text fix
  make_visible "$1"
  text="$VISIBLE ($2)"$'\n'
  shift 2
  for fix in "$@"; do
    case $fix in
      %allow)
        [ "$HINTS_OF" = "$TOP//${VAULT_SAID:-}" ] || remember_hints
        make_quoted "$path"
        fix="Send it anyway: $HINT_ALLOW $VISIBLE"
        ;;
      %ignore)
        [ "$HINTS_OF" = "$TOP//${VAULT_SAID:-}" ] || remember_hints
        make_quoted "/$path"
        fix="Keep it out: echo $VISIBLE >> $HINT_IGNORE"
        ;;
    esac
    text+=${fix:+$fix$'\n'}
  done
  LEFT_PATHS+=("$path")
  LEFT_OUT+=("${text%$'\n'}")
  [ $# -gt 0 ] || LEFT_OUT[${#LEFT_OUT[@]} - 1]+=$'\n'
}

HINTS_OF='' HINT_ALLOW='' HINT_IGNORE='' # of which repository
remember_hints() {
  HINTS_OF=$TOP//${VAULT_SAID:-}
  HINT_ALLOW="$(sync_command) --allow"
  HINT_IGNORE=$(near .gitignore)
}

note_later() { LATER+=("$1"); }

# withdraw_left_out PATHS...: they go after all.
withdraw_left_out() {
  local i kept=() paths=()
  for ((i = 0; i < ${#LEFT_OUT[@]}; i++)); do
    contains "${LEFT_PATHS[i]}" "$@" || kept+=("${LEFT_OUT[i]}") paths+=("${LEFT_PATHS[i]}")
  done
  LEFT_OUT=(${kept[@]+"${kept[@]}"}) LEFT_PATHS=(${paths[@]+"${paths[@]}"})
}

add_to_left_out() { LEFT_OUT[$1]+=$'\n'$2; } # add_to_left_out N LINE

forget_left_out() { # forget_left_out [KEPT]: all, or all but the first ones
  [ $# -gt 0 ] || LATER=()
  LEFT_OUT=(${LEFT_OUT[@]+"${LEFT_OUT[@]:0:${1:-0}}"})
  LEFT_PATHS=(${LEFT_PATHS[@]+"${LEFT_PATHS[@]:0:${1:-0}}"})
}

# What the last round left out counts, not what an earlier one did.
close_results() {
  [ "$JOB" != sync ] || tell_machines_own
  FACTS+=(${ROUND_FACTS[@]+"${ROUND_FACTS[@]}"})
  set_others_aside
  EXIT_WITHOUT_LEFT=$REPO_EXIT
  [ ${#LEFT_OUT[@]} -eq 0 ] || note_exit "$EXIT_HELD"
}

# --- what was saved, sent and received ------------------------------------------

note_commits() { # note_commits OWN "OID SUBJECT"...
  OWN_COMMITS=$((OWN_COMMITS + $1))
  shift
  COMMITS+=("$@")
}

note_commits_below() { # of others, made on top of ours: the summary tells of ours, the last
  COMMITS=("$@" ${COMMITS[@]+"${COMMITS[@]}"})
}

# The summary names commits as the remote has them, not as they were before they were replayed.
rename_commits() { # rename_commits "OLD NEW"...
  local i pair
  for ((i = 0; i < ${#COMMITS[@]}; i++)); do
    for pair in "$@"; do
      [ "${COMMITS[i]%% *}" != "${pair%% *}" ] || COMMITS[i]="${pair#* } ${COMMITS[i]#* }"
    done
  done
}

# drop_commits " OID OID ": they are none that were saved. 1 when there is none of them.
drop_commits() {
  local item kept=()
  for item in ${COMMITS[@]+"${COMMITS[@]}"}; do
    case $1 in *" ${item%% *} "*) ;; *) kept+=("$item") ;; esac
  done
  [ ${#kept[@]} -lt ${#COMMITS[@]} ] || return 1
  COMMITS=(${kept[@]+"${kept[@]}"})
  [ "$OWN_COMMITS" -le ${#COMMITS[@]} ] || OWN_COMMITS=${#COMMITS[@]}
}

note_push() { PUSHED=$1; }
note_on_remote() { ON_REMOTE=$1; }
note_parked() { PARKED_LINE=$1; }

note_received() { # note_received FILES [COMMITS FROM]
  RECEIVED_FILES=$((RECEIVED_FILES + $1))
  [ $# -gt 1 ] || return 0
  RECEIVED_COMMITS=$((RECEIVED_COMMITS + $2)) RECEIVED_FROM=$3
}

forget_received_files() { RECEIVED_FILES=0; } # it was no receive
note_merged() { MERGED+=("$1"); }

note_blocked() { # note_blocked ["PATH: WHY"...]: all that keeps what came in out of the folder
  BLOCKED=("$@")
}

note_waiting() { # note_waiting ID PATH FACT
  WAITS+=("$1"$'\t'"$2"$'\t'"$3")
}

note_round() { ROUND_FACTS+=("$1"); }

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

# --- the outcome as another sync is told it (queue.sh) ---------------------------

# print_outcome ID: for the session ID that was served along; NUL behind each field.
print_outcome() {
  local item waits=()
  for item in ${WAITS[@]+"${WAITS[@]}"}; do [ "${item%%$'\t'*}" != "$1" ] || waits+=("$item"); done
  left_out_for "$1"
  printf '%s\0' "$(exit_for_left_out)" "$PUSHED" "$ON_REMOTE" "$RECEIVED_FILES" "$RECEIVED_COMMITS" "$RECEIVED_FROM" \
    "${#PROBLEMS[@]}" "${#waits[@]}" "${#LATER[@]}" ${PROBLEMS[@]+"${PROBLEMS[@]}"} ${waits[@]+"${waits[@]}"} \
    ${LATER[@]+"${LATER[@]}"} ${LEFT_FOR[@]+"${LEFT_FOR[@]}"}
}

take_outcome() { # take_outcome FIELDS...: of print_outcome
  local problems=$7 waiting=$8 later=$9
  REPO_EXIT=$1 PUSHED=$2 ON_REMOTE=$3 RECEIVED_FILES=$4 RECEIVED_COMMITS=$5 RECEIVED_FROM=$6
  shift 9
  PROBLEMS=("${@:1:problems}")
  shift "$problems"
  WAITS=("${@:1:waiting}")
  shift "$waiting"
  ROUND_FACTS=(${WAITS[@]+"${WAITS[@]##*$'\t'}"})
  LATER=("${@:1:later}")
  shift "$later"
  LEFT_OUT=("$@")
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
  case $EXPLAINED in *" $1 "*) return 0 ;; esac
  report_git_failure "The step '${PHASE:-end}' of this sync"
}

# report_git_failure WHAT [WORDS]: the last words of a git that failed, for a failure that nobody foresaw.
report_git_failure() {
  local text=${2:-} code=$EXIT_INTERNAL
  [ -n "$text" ] || { text=$(<"$WORK/error"); } 2>/dev/null
  explain_exit "$EXIT_INTERNAL" # what those who call this return, whatever the words come to
  if find_git_lock "$text"; then
    report_git_lock "$1 failed"
    return
  fi
  text=${text##*$'\n'}
  if [ -z "$text" ]; then
    probe_disk # on a full disk git's own words could not be kept either
    text=$PROBED
  fi
  text=$(visible "$text")
  if is_disk_failure "$text"; then code=$EXIT_CANNOT_CREATE; fi
  case $text in *'Permission denied'*) code=$EXIT_CANNOT_CREATE ;; esac
  problem "$code" error "$1 failed: ${text:-no message}" "Nothing is lost: your files are as they were. Run sync again; if it stays: $(typed_command doctor)"
}

# Sets PROBED, what the disk says to 64 KB, '' where it takes them. A byte would tell nothing: what a git had begun to
# write when the disk was full, it has removed again.
probe_disk() {
  PROBED=$({ printf '%65536s' '' >"$WORK/probe"; } 2>&1)
  PROBED=${PROBED##*: }
  rm -f "$WORK/probe"
}

# --- lock files of git's own: HEAD.lock, config.lock, index.lock, shallow.lock, those of refs ------------------------

# A git holds one for milliseconds, a git that was killed leaves it behind, and the file does not say which. So sync waits
# a moment, then names it with the command that removes it. Only recover.sh removes some, those of our own killed git.

readonly GIT_LOCK_PATIENCE=2000 # milliseconds, for all of them in one repository
readonly GIT_LOCK_STALE=3600    # seconds that a person may keep index.lock, in the editor of `git commit`

# find_git_lock WORDS: sets GIT_LOCK, the lock file that stopped the git which said WORDS. 1 when it was something else.
find_git_lock() {
  local text=$1
  case $text in
    *"Unable to create '"*".lock': File exists"*)
      text=${text#*"Unable to create '"}
      text=${text%%"': File exists"*}
      ;;
    *'could not lock config file '*': File exists'*)
      text=${text#*'could not lock config file '}
      text=${text%%': File exists'*}.lock
      ;;
    *) return 1 ;;
  esac
  case $text in /* | [A-Za-z]:*) ;; *) text=$TOP/$text ;; esac
  GIT_LOCK=${text//\/.\//\/} # in a bare repository git calls its folder "."
}

# outwait_git_lock: 0 when GIT_LOCK has gone and git may be asked again; 1 when the patience is used up.
outwait_git_lock() {
  local began spent
  read_git_lock_age
  [ "${GIT_LOCK_AGE:-0}" -lt 60 ] || return 1 # no git holds one as long as that, but for an editor
  read_clock
  began=$NOW_MS
  while [ "$GIT_LOCK_LEFT" -gt 0 ]; do
    read_clock
    spent=$((NOW_MS - began))
    if [ ! -e "$GIT_LOCK" ] && [ ! -L "$GIT_LOCK" ]; then
      # At least this much: a file that only git ever sees there must not keep us going round for ever.
      GIT_LOCK_LEFT=$((GIT_LOCK_LEFT - (spent > 100 ? spent : 100)))
      return 0
    fi
    [ "$spent" -lt "$GIT_LOCK_LEFT" ] || GIT_LOCK_LEFT=0
    [ "$GIT_LOCK_LEFT" -eq 0 ] || pause 25
  done
  return 1
}

# patiently COMMAND...: a git that takes such a lock, asked again while another one has it. Its words are in WORK/error.
patiently() {
  until "$@" 2>"$WORK/error"; do
    find_git_lock "$(<"$WORK/error")" && outwait_git_lock || return 1
  done
}

# Sets GIT_LOCK_AGE, in seconds, and GIT_LOCK_WORDS, as ", made 3 minutes ago"; '' where that cannot be told.
read_git_lock_age() {
  local made COUNT=''
  GIT_LOCK_AGE='' GIT_LOCK_WORDS=''
  made=$(date -r "$GIT_LOCK" +%s 2>/dev/null) || return 0
  read_epoch
  GIT_LOCK_AGE=$((NOW - made))
  [ "$GIT_LOCK_AGE" -ge 0 ] || return 0 # of a clock that was set back
  if [ "$GIT_LOCK_AGE" -lt 120 ]; then
    make_count "$GIT_LOCK_AGE" second
  elif [ "$GIT_LOCK_AGE" -lt 7200 ]; then
    make_count $((GIT_LOCK_AGE / 60)) minute
  elif [ "$GIT_LOCK_AGE" -lt 172800 ]; then
    make_count $((GIT_LOCK_AGE / 3600)) hour
  else
    make_count $((GIT_LOCK_AGE / 86400)) day
  fi
  GIT_LOCK_WORDS=", made $COUNT ago"
}

# report_git_lock WHAT [LINE...]: WHAT failed because GIT_LOCK is there. Returns the code.
report_git_lock() {
  local what=$1 code=$EXIT_CANNOT_CREATE
  shift
  read_git_lock_age
  case $GIT_LOCK in */index.lock) [ "${GIT_LOCK_AGE:-0}" -ge "$GIT_LOCK_STALE" ] || code=$EXIT_DEFERRED ;; esac
  problem "$code" error "$what: git's lock file $(visible "$GIT_LOCK") is in the way$GIT_LOCK_WORDS." "$@" \
    "Nothing is lost. Another git holds it, or was killed and left it." \
    "If no git is at work there: rm $(quoted "$GIT_LOCK")" "Then: $(sync_command)"
  return "$code"
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
    if [ $((${#BLOCKED[@]} + ${#WAITS[@]} + ${#LATER[@]})) -gt 0 ]; then WORD=waiting; else WORD=nothing; fi
  else
    status_word "$REPO_EXIT"
  fi
}

# One line a sync, with the time of each phase; halved when it has grown beyond a megabyte.
write_history() {
  local text
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
  text=${HEAD_OID:0:7}
  printf '%s %s %s\n' "$WORD" "${text:--}" "$NOW" 2>/dev/null >"$STATE/status"
  return 0
}

# Before every push and every move of a ref.
require_lock() {
  verify_lock && return 0
  problem "$EXIT_INTERNAL" error "The lock was taken from this run (process $$)." \
    "Nothing was pushed or moved after that. Who has it now: $(sync_command) --status"
  return "$EXIT_INTERNAL"
}
