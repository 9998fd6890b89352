# shellcheck shell=bash
# What a sync found out, collected while it runs and told once at the end: as text or as JSON, from the same facts.
# Needs: exit_codes, ui.

reset_results() {
  REPO_EXIT=$EXIT_OK
  PROBLEMS=() # "level<newline>first line<newline>more lines", in the order met
  FACTS=()    # single lines, already marked
  LEFT_OUT=() # path, reason, fixes: one item of text each
  COMMITS=()  # "oid subject", oldest first
  MERGED=() BLOCKED=()
  PUSHED='' RECEIVED_FILES=0 RECEIVED_COMMITS=0 RECEIVED_FROM='' OFFLINE=''
  PHASE_NAMES=() PHASE_MS=()
}

# problem CODE LEVEL LINE [MORE LINES]: LEVEL is ok, warn or error. The worst code becomes the repository's.
problem() {
  local code=$1 level=$2
  shift 2
  REPO_EXIT=$(worse_exit "$REPO_EXIT" "$code")
  PROBLEMS+=("$level"$'\n'"$(printf '%s\n' "$@")")
}

# left_out PATH WHY FIX...: one path that stays in the folder and is not sent.
left_out() {
  local text
  text="$(visible "$1") ($2)"
  shift 2
  REPO_EXIT=$(worse_exit "$REPO_EXIT" "$EXIT_HELD")
  LEFT_OUT+=("$text"$'\n'"$(printf '%s\n' "$@")")
}

note_fact() { FACTS+=("$1"); }

# The last words of a git that failed, for a failure that nobody foresaw.
report_git_failure() {
  local text code=$EXIT_INTERNAL
  text=$(visible "$(tail -n 1 "$WORK/error" 2>/dev/null)")
  case $text in
    *'No space left'* | *'Read-only file system'* | *'insufficient permission'* | *'Permission denied'* | *'Disk quota'*) code=$EXIT_CANNOT_CREATE ;;
  esac
  problem "$code" error "$1 failed: ${text:-no message}" "Nothing is lost: your files are as they were. Run sync again; if it stays: bash $(command_path doctor.sh)"
}

# --- timings ------------------------------------------------------------------

begin_phase() { # closes the one before
  end_phase
  PHASE=$1 PHASE_BEGAN=$(monotonic_ms)
}

end_phase() {
  [ -n "${PHASE:-}" ] || return 0
  PHASE_NAMES+=("$PHASE")
  PHASE_MS+=($(($(monotonic_ms) - PHASE_BEGAN)))
  PHASE=''
}

# Tests stop or kill a run between two steps: CLAUDETOOLS_TEST_AT=PATTERN:SCRIPT runs SCRIPT where PATTERN is reached.
checkpoint() {
  local at=${CLAUDETOOLS_TEST_AT:-}
  [ -n "$at" ] || return 0
  # shellcheck disable=SC2254
  case $1 in ${at%%:*}) env -u CLAUDETOOLS_TEST_AT bash "${at#*:}" "$1" $$ ;; esac
}

# --- text -----------------------------------------------------------------------

# The first line answers: is my work safe, and where.
print_status_line() {
  local own=${#COMMITS[@]} left=''
  [ ${#LEFT_OUT[@]} -eq 0 ] || left=", $(count_of ${#LEFT_OUT[@]} file) left out"
  case $REPO_EXIT in
    "$EXIT_OK" | "$EXIT_HELD") ;;
    *) return 0 ;; # the problem itself is the first line
  esac
  [ "$REPO_EXIT" = "$EXIT_OK" ] || [ ${#LEFT_OUT[@]} -gt 0 ] || [ "$own" -gt 0 ] || return 0
  if [ -n "$DRY_RUN" ]; then
    say "[OK] Would save: $(count_of "${#CHANGED[@]}" file) in $(count_of "$own" commit)$left. Nothing was changed."
  elif [ "$own" -gt 0 ] && [ -n "$PUSHED" ]; then
    say "[OK] Saved and pushed: $(count_of "$own" commit)${SESSION:+ of this session}$left."
  elif [ "$own" -gt 0 ]; then
    say "[OK] Saved here: $(count_of "$own" commit)$left.$(not_pushed_because)"
  elif [ -n "$PUSHED" ]; then
    say "[OK] Pushed: main is at ${TIP:0:7} here and on $(visible "$REMOTE")$left."
  elif [ "$RECEIVED_FILES" -gt 0 ] || [ "$RECEIVED_COMMITS" -gt 0 ]; then
    say "[OK] Received: $(visible "$BRANCH") is at ${HEAD_OID:0:7} here and on $(visible "$REMOTE")$left."
  elif [ -z "$REMOTE" ]; then
    say "[OK] Nothing to do. $(visible "$BRANCH") is at ${HEAD_OID:0:7}; no remote is configured$left."
  else
    say "[OK] Nothing to do. $(visible "$BRANCH") is at ${HEAD_OID:0:7} here and on $(visible "$REMOTE")$left."
  fi
}

not_pushed_because() {
  if [ -z "$REMOTE" ]; then
    printf ' No remote is configured: git remote add origin URL'
  elif [ -n "$NO_PUSH" ]; then
    printf ' Not pushed, as asked.'
  fi
}

print_repository() {
  local i line
  print_status_line
  print_problems
  if [ ${#COMMITS[@]} -gt 0 ] && [ -z "$DRY_RUN" ]; then print_summary; elif [ -n "$PUSHED" ]; then print_push_line; fi
  print_received
  for line in ${FACTS[@]+"${FACTS[@]}"}; do say "$line"; done
  for ((i = 0; i < ${#LEFT_OUT[@]} && i < 20; i++)); do
    print_block "[WARN] Left out: " "       " "${LEFT_OUT[i]%%$'\n'*}. It stays in your folder." "${LEFT_OUT[i]#*$'\n'}"
  done
  [ ${#LEFT_OUT[@]} -le 20 ] || say "[WARN] and $((${#LEFT_OUT[@]} - 20)) more left out (all of them: $(sync_command) --json)"
}

print_summary() {
  local i last=${COMMITS[${#COMMITS[@]} - 1]}
  say "## Post-commit Summary"
  say "Commit: ${last:0:7} $(visible "${last#* }")"
  say "Author: $(visible "$ID_NAME") <$(visible "$ID_EMAIL")>"
  print_push_line
  if [ -n "$LOG_PATH" ]; then
    say "File:   $(visible "$LOG_PATH") (+$LOG_LINES lines, $LOG_WORD)"
  else
    say "Files:  $(count_of "$SAVED_FILES" file) (+$SAVED_ADDED -$SAVED_REMOVED lines)"
  fi
  for ((i = ${#COMMITS[@]} - 2; i >= 0; i--)); do say "Also:   ${COMMITS[i]:0:7} $(visible "${COMMITS[i]#* }")"; done
}

print_push_line() {
  if [ -n "$PUSHED" ]; then
    say "Push:   $PUSHED $(visible "$BRANCH") -> $(visible "$BRANCH") ($(visible "$REMOTE"))"
  else
    say "Push:   not pushed"
  fi
}

print_received() {
  [ "$RECEIVED_COMMITS" -gt 0 ] || return 0
  say "Received: $(count_of "$RECEIVED_FILES" file) from $RECEIVED_FROM ($(count_of "$RECEIVED_COMMITS" commit))"
  [ ${#MERGED[@]} -eq 0 ] || say "[INFO] Merged with your unsaved edits: $(visible "${MERGED[*]}")"
}

print_problems() {
  local item level
  for item in ${PROBLEMS[@]+"${PROBLEMS[@]}"}; do
    level=${item%%$'\n'*}
    item=${item#*$'\n'}
    case $level in
      ok) print_block '[OK] ' '     ' "${item%%$'\n'*}" "${item#*$'\n'}" ;;
      warn) print_block '[WARN] ' '       ' "${item%%$'\n'*}" "${item#*$'\n'}" ;;
      deferred) print_block '[DEFERRED] ' '           ' "${item%%$'\n'*}" "${item#*$'\n'}" ;;
      *) print_block '[ERROR] ' '        ' "${item%%$'\n'*}" "${item#*$'\n'}" ;;
    esac
  done
}

# print_block MARK INDENT FIRST REST: REST's lines below the first one; REST equal to FIRST means there are none.
print_block() {
  local mark=$1 indent=$2 first=$3 rest=$4 line
  say "$mark$first"
  [ "$rest" != "$first" ] || return 0
  while IFS= read -r line; do
    [ -z "$line" ] || say "$indent$line"
  done <<<"$rest"
}

# --- JSON -----------------------------------------------------------------------

json_list() { # json_list ITEMS...: of texts
  local item comma=''
  printf '['
  for item in "$@"; do
    printf '%s' "$comma"
    json_string "$item"
    comma=', '
  done
  printf ']'
}

# One repository as an object. The same facts as the text, nothing computed anew.
json_repository() {
  local item comma='' i
  printf '{"path": %s, "exit": %s, "status": "%s"' "$(json_string "$TOP")" "$REPO_EXIT" "$(repository_word)"
  printf ', "branch": %s, "remote": %s, "head": "%s"' "$(json_string "$BRANCH")" "$(json_string "$REMOTE")" "$HEAD_OID"
  printf ', "pushed": %s, "dry_run": %s, "commits": [' "$([ -n "$PUSHED" ] && echo true || echo false)" \
    "$([ -n "$DRY_RUN" ] && echo true || echo false)"
  for item in ${COMMITS[@]+"${COMMITS[@]}"}; do
    printf '%s{"oid": "%s", "subject": %s}' "$comma" "${item%% *}" "$(json_string "${item#* }")"
    comma=', '
  done
  printf '], "received": {"commits": %s, "files": %s, "from": %s}' "$RECEIVED_COMMITS" "$RECEIVED_FILES" "$(json_string "$RECEIVED_FROM")"
  printf ', "left_out": %s' "$(json_list ${LEFT_OUT[@]+"${LEFT_OUT[@]}"})"
  printf ', "problems": %s' "$(json_list ${PROBLEMS[@]+"${PROBLEMS[@]}"})"
  printf ', "facts": %s, "ms": {' "$(json_list ${FACTS[@]+"${FACTS[@]}"})"
  comma=''
  for ((i = 0; i < ${#PHASE_NAMES[@]}; i++)); do
    printf '%s"%s": %s' "$comma" "${PHASE_NAMES[i]}" "${PHASE_MS[i]}"
    comma=', '
  done
  printf '}}'
}

repository_word() {
  if [ "$REPO_EXIT" = "$EXIT_OK" ] && [ ${#COMMITS[@]} -eq 0 ] && [ -z "$PUSHED" ]; then
    if [ ${#BLOCKED[@]} -gt 0 ]; then printf 'waiting'; else printf 'nothing'; fi
  else
    status_word "$REPO_EXIT"
  fi
}

# --- files that other programs read -----------------------------------------------

# One line a sync, with the time of each phase; halved when it has grown beyond a megabyte.
write_history() {
  [ -d "$STATE" ] || return 0
  {
    printf '{"time": %s, "exit": %s, "status": "%s", "commits": %s, "received": %s, "ms": {' \
      "$(epoch_now)" "$REPO_EXIT" "$(repository_word)" "${#COMMITS[@]}" "$RECEIVED_COMMITS"
    local i comma=''
    for ((i = 0; i < ${#PHASE_NAMES[@]}; i++)); do
      printf '%s"%s": %s' "$comma" "${PHASE_NAMES[i]}" "${PHASE_MS[i]}"
      comma=', '
    done
    printf '}}\n'
  } 2>/dev/null >>"$STATE/history.jsonl"
  printf '%s %s %s\n' "$(repository_word)" "${HEAD_OID:0:7}" "$(epoch_now)" 2>/dev/null >"$STATE/status"
  return 0
}
