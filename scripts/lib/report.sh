# shellcheck shell=bash
# A sync's result as the user reads it: status line, summary, what came in, then what needs somebody.
# Needs: results, settings, deliver, identity, ui.
# Sets: JSON_PARTS TOLD_JSON VAULT_PARTS.

tell_result() {
  local role=$1
  tell_settings
  case $JOB$REPO_EXIT in status0 | points0)
    [ -z "$JSON" ] || add_answer "$role"
    return 0
    ;;
  esac
  if [ -n "$JSON" ] && [ "$role" = vault ]; then
    VAULT_PARTS+=("$(json_repository)")
  elif [ -n "$JSON" ]; then
    JSON_PARTS+=("\"$role\": $(json_repository)")
  elif [ "$JOB" = restore ] || [ "$JOB" = resolve ]; then
    print_problems
    for role in ${FACTS[@]+"${FACTS[@]}"}; do say "$role"; done
  elif [ "$role" = vault ]; then
    print_vault
  else
    print_notes
    print_repository
  fi
  [ -n "$JSON" ] || print_place
}

add_answer() { # add_answer ROLE: what --status or --points found, for --json
  TOLD_JSON="{\"path\": $(json_string "$TOP"), ${TOLD_JSON#\{}"
  if [ "$1" = vault ]; then VAULT_PARTS+=("$TOLD_JSON"); else JSON_PARTS+=("\"$1\": $TOLD_JSON"); fi
}

# What is named above is seen from the top: in a folder below, `echo /.env >> .gitignore` would write another file.
print_place() {
  local top=${MAIN_TOP:-$TOP}
  [ "$REPO_EXIT" -eq 0 ] || [ -z "$top" ] || [ . -ef "$top" ] ||
    say "[INFO] These commands and paths are for the top of the repository: cd $(quoted "$top")"
}

print_vault() {
  local line COUNT title=Vault
  is_one_of_many_vaults && title="Vault $(visible "$VAULT_SAID")"
  waiting_paths "$SESSION"
  if [ "$REPO_EXIT" -eq 0 ] && [ $((${#PROBLEMS[@]} + ${#LATER[@]} + ${#WAITING[@]})) -eq 0 ]; then
    print_alarm
    print_vault_line
    [ "$RECEIVED_COMMITS" -eq 0 ] || say "$title:  received $(count_of "$RECEIVED_FILES" file) from $RECEIVED_FROM ($(count_of "$RECEIVED_COMMITS" commit))"
    print_merged
    for line in ${FACTS[@]+"${FACTS[@]}"}; do say "$line"; done
  else
    say "$title:"
    print_repository
  fi
}

print_vault_line() {
  if [ -n "$PUSHED" ]; then
    say "$title:  ${ON_REMOTE:0:7} pushed"
  elif [ ${#COMMITS[@]} -gt 0 ] && [ -n "$DRY_RUN" ]; then
    say "$title:  would save $(count_of "${#ALL_CHANGED[@]}" file)"
  elif [ ${#COMMITS[@]} -gt 0 ]; then
    say "$title:  ${HEAD_OID:0:7} saved here.$(not_pushed_because)"
  elif [ "$RECEIVED_COMMITS" -eq 0 ]; then
    say "$title:  nothing to $(if [ -n "$NO_PUSH" ]; then printf 'save'; else printf 'do'; fi)"
  fi
}

# compose_status: sets STATUS_LINE, what became of the work and where it is, in one line; '' where the problems say all of it.
compose_status() {
  local own=${#COMMITS[@]} left='' branch remote place COUNT VISIBLE
  STATUS_LINE=''
  case $REPO_EXIT in
    "$EXIT_OK" | "$EXIT_HELD") ;;
    *) return 0 ;;
  esac
  [ ${#LEFT_OUT[@]} -eq 0 ] || left=", $(count_of ${#LEFT_OUT[@]} file) left out"
  waiting_paths "$SESSION"
  [ ${#WAITING[@]} -eq 0 ] || left+=", $(count_of ${#WAITING[@]} file) waiting for another session"
  [ ${#LATER[@]} -eq 0 ] || left+=", $(count_of ${#LATER[@]} file) being written right now"
  make_visible "$BRANCH" && branch=$VISIBLE
  make_visible "$REMOTE" && remote=$VISIBLE
  place="$branch is at ${HEAD_OID:0:7} here"
  if [ -z "$HEAD_OID" ]; then
    place="$branch has no commit here"
  elif [ "$HEAD_OID" = "$ON_REMOTE" ]; then
    place+=" and on $remote"
  fi
  make_count "$own" commit
  if [ -n "$PARKED_LINE" ]; then
    STATUS_LINE=$PARKED_LINE
  elif [ -n "$DRY_RUN" ] && [ "$own" -gt 0 ]; then
    STATUS_LINE="Would save: $(count_of "${#ALL_CHANGED[@]}" file) in $COUNT$left. Nothing was changed."
  elif [ "$own" -gt 0 ] && [ -n "$SESSION" ] && [ "$OWN_COMMITS" = 0 ]; then
    [ "$REPO_EXIT" = "$EXIT_OK" ] && [ ${#WAITING[@]} -eq 0 ] && own='This session had nothing to save. ' || own=''
    STATUS_LINE="${own}Saved${PUSHED:+ and pushed} for others: $COUNT$left."
  elif [ "$own" -gt 0 ] && [ -n "$PUSHED" ]; then
    [ -z "$SESSION" ] || make_count "$OWN_COMMITS" commit
    STATUS_LINE="Saved and pushed: $COUNT${SESSION:+ of this session}$left."
  elif [ "$own" -gt 0 ]; then
    STATUS_LINE="Saved here: $COUNT$left.$(not_pushed_because)"
  elif [ -n "$PUSHED" ] && [ "$HEAD_OID" = "$ON_REMOTE" ]; then
    STATUS_LINE="Pushed: $place$left."
  elif [ -n "$PUSHED" ]; then
    STATUS_LINE="Pushed: $branch is at ${ON_REMOTE:0:7} on $remote$left."
  elif [ $((RECEIVED_FILES + RECEIVED_COMMITS)) -gt 0 ]; then
    STATUS_LINE="Received: $place$left."
  elif [ ${#PROBLEMS[@]} -eq 0 ] || [ -n "$left" ] || [ "$REPO_EXIT" = "$EXIT_OK" ]; then
    compose_idle_status
  fi
}

# Nothing was saved, sent or received.
compose_idle_status() {
  if [ -n "$DRY_RUN" ]; then
    STATUS_LINE="Nothing to save$left. Nothing was changed."
  elif [ $((${#WAITING[@]} + ${#LATER[@]})) -gt 0 ]; then
    STATUS_LINE="Nothing saved$left. $branch is at ${HEAD_OID:0:7}."
  elif [ -z "$REMOTE" ]; then
    STATUS_LINE="Nothing to do. $branch is at ${HEAD_OID:0:7}; $(no_remote in-short)$left."
  elif [ -z "$ON_REMOTE" ]; then # not asked, or it did not answer
    STATUS_LINE="Nothing to save. $place$left.${NO_PUSH:+ Not pushed, as asked.}"
  elif [ "$HEAD_OID" = "$ON_REMOTE" ]; then
    STATUS_LINE="Nothing to do. $place$left."
  elif [ ${#BLOCKED[@]} -gt 0 ]; then
    STATUS_LINE="Nothing to send. $branch is at ${ON_REMOTE:0:7} on $remote$left."
  else
    STATUS_LINE="Nothing sent$left. $branch is at ${ON_REMOTE:0:7} on $remote."
  fi
}

# The first line is the worst true thing: the problems in the order of EXIT_TABLE, of one code the gravest first, then what
# became of the work, then what is no trouble.
print_headlines() {
  local row level
  for row in $EXIT_TABLE; do
    [ "${row%%:*}" != "$EXIT_OK" ] || { compose_status && say_status; }
    for level in error warn deferred ok; do print_problems "${row%%:*} $level"; done
  done
}

say_status() { [ -z "$STATUS_LINE" ] || say "[OK] $STATUS_LINE"; }

# A remote of another name is not taken by guess.
no_remote() {
  local name=${REMOTES# } word=No # no_remote in-short: within a sentence
  if [ -n "$name" ]; then
    [ -n "${1:-}" ] && word=no
    printf '%s remote is chosen: %s config claudetools.remote %s' "$word" "$(git_here)" "$(quoted "${name%% *}")"
  elif [ -n "${1:-}" ]; then
    printf 'no remote is configured'
  else
    printf 'No remote is configured: %s remote add origin URL' "$(git_here)"
  fi
}

not_pushed_because() {
  if [ -z "$REMOTE" ]; then
    printf ' %s' "$(no_remote)"
  elif [ -n "$NO_PUSH" ]; then
    printf ' Not pushed, as asked.'
  fi
}

# Work that silently stays on one machine is the worst failure of all: it is said first, every time.
print_alarm() {
  local reached days
  read -r reached 2>/dev/null <"$STATE/reached" || return 0
  days=$((($(epoch_now) - reached) / 86400))
  [ "$days" -lt 1 ] || say "[WARN] Nothing has reached $(visible "${REMOTE:-the remote}") for $(count_of "$days" day)."
}

print_repository() {
  local i line ends
  print_alarm
  print_headlines
  if [ ${#COMMITS[@]} -gt 0 ] && [ -z "$DRY_RUN" ]; then print_summary; elif [ -n "$PUSHED" ]; then print_push_line; fi
  print_received
  for line in ${FACTS[@]+"${FACTS[@]}"}; do say "$line"; done
  for ((i = 0; i < ${#LEFT_OUT[@]} && i < 20; i++)); do
    ends='. It stays in your folder.'
    case ${LEFT_OUT[i]%%$'\n'*} in *'is not in your folder'*) ends=. ;; esac
    print_block "[WARN] Left out: " "       " "${LEFT_OUT[i]%%$'\n'*}$ends" "${LEFT_OUT[i]#*$'\n'}"
  done
  [ ${#LEFT_OUT[@]} -le 20 ] || say "[WARN] and $((${#LEFT_OUT[@]} - 20)) more left out (all of them: $(sync_command) --json)"
}

print_summary() {
  local i COUNT last=${COMMITS[${#COMMITS[@]} - 1]}
  say "## Post-commit Summary"
  make_visible "${last#* }"
  say "Commit: ${last:0:7} $VISIBLE"
  make_visible "$ID_NAME <$ID_EMAIL>"
  say "Author: $VISIBLE"
  print_push_line
  if [ -n "$LOG_PATH" ]; then
    say "${LOG_FILES%$'\n'}"
  else
    make_count "$SAVED_FILES" file
    say "Files:  $COUNT (+$SAVED_ADDED -$SAVED_REMOVED lines)"
  fi
  [ "$SAVED_ARTICLES" -eq 0 ] || say "Wiki updates: $(count_of "$SAVED_ARTICLES" article) updated ($SAVED_KINDS)"
  for ((i = ${#COMMITS[@]} - 2; i >= 0; i--)); do say "Also:   ${COMMITS[i]:0:7} $(visible "${COMMITS[i]#* }")"; done
}

print_push_line() {
  if [ -n "$PUSHED" ]; then
    make_visible "$BRANCH -> $BRANCH ($REMOTE)"
    say "Push:   $PUSHED $VISIBLE"
  else
    say "Push:   not pushed"
  fi
}

print_received() {
  local COUNT files
  [ "$RECEIVED_COMMITS" -gt 0 ] || return 0
  make_count "$RECEIVED_FILES" file && files=$COUNT
  make_count "$RECEIVED_COMMITS" commit
  say "Received: $files from $RECEIVED_FROM ($COUNT)"
  print_merged
}

print_merged() { [ ${#MERGED[@]} -eq 0 ] || say "[INFO] Merged with your unsaved edits: $(visible "${MERGED[*]}")"; }

# print_problems [CODE LEVEL]: those, or all.
print_problems() {
  local item kind
  for item in ${PROBLEMS[@]+"${PROBLEMS[@]}"}; do
    kind=${item%%$'\n'*}
    [ $# -eq 0 ] || [ "$kind" = "$1" ] || continue
    item=${item#*$'\n'}
    case ${kind#* } in
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

report_lock() {
  case $1 in
    "$EXIT_DEFERRED")
      problem "$EXIT_DEFERRED" deferred "Another sync is running. Your files are on disk${REQUEST:+ and your request is queued}; the next sync sends them." \
        "${LOCK_MESSAGE:-$(describe_owner)}" "$(tell_running_hook)" "See it: $(sync_command) --status"
      ;;
    *)
      problem "$EXIT_CANNOT_CREATE" error "The lock cannot be created: $(visible "$LOCK_MESSAGE")" \
        "Nothing was changed; your files are on disk."
      ;;
  esac
  return "$1"
}

tell_running_hook() {
  local hook
  hook=$(describe_hook) && printf 'It runs %s.' "$hook"
}

tell_identity_problems() {
  local text
  if [ -n "$ID_FOREIGN" ]; then
    note_fact "[WARN] .claude/identity.json came with a commit, so it is not read; you are $(visible "$ID_NAME") as before. Write it anew: $(setup_command)"
  elif [ "$ID_SOURCE" = derived ]; then
    note_fact "[INFO] Not set up yet; you are $ID_NAME by git's user.email. Make it yours: $(setup_command)"
  fi
  for text in ${ID_PROBLEMS[@]+"${ID_PROBLEMS[@]}"}; do note_fact "[WARN] $(visible "$text")"; done
  tell_names_of_environment
}

tell_last_sync() { # tell_last_sync WORD OID EPOCH; OID is "-" where the sync saw no commit, and was left out before 0.3.0
  local at=", at $2" when=$3
  case $2 in -) at='' ;; *[!0-9a-f]*) return 0 ;; esac
  [ -n "$when" ] || { when=$2 at='' && [ ${#2} -ge 10 ]; } || return 0
  say "Last sync: $1$at, $(clock_time "$when")"
}

show_status() {
  local word oid when hook waiting=("$TREE"/queue/*)
  read_process_facts
  if [ -n "$JSON" ]; then
    status_as_json
    return
  fi
  if [ -e "$LOCK_DIR/owner" ]; then say "Running: $(describe_owner)"; else say "Running: no sync"; fi
  hook=$(describe_hook) && say "Hook:    $hook"
  [ ! -e "${waiting[0]}" ] || say "Waiting: $(count_of ${#waiting[@]} request)"
  read -r word oid when 2>/dev/null <"$STATE/status" && tell_last_sync "$word" "$oid" "$when"
  show_background
}

status_as_json() { # sets TOLD_JSON
  local word='' oid='' when='' count=0 hook running=null lines=() line last=$STATE/background/last waiting=("$TREE"/queue/*)
  [ ! -e "$LOCK_DIR/owner" ] || running=$(json_string "$(describe_owner)")
  if hook=$(describe_hook); then hook=$(json_string "$hook"); else hook=null; fi
  [ ! -e "${waiting[0]}" ] || count=${#waiting[@]}
  TOLD_JSON="{\"running\": $running, \"hook\": $hook, \"waiting\": $count, \"last\": "
  if read -r word oid when 2>/dev/null <"$STATE/status" && [ -n "$(tell_last_sync "$word" "$oid" "$when")" ]; then
    [ -n "$when" ] || { when=$oid && oid=-; }
    TOLD_JSON+="{\"status\": $(json_string "$word"), \"head\": $([ "$oid" = - ] && echo null || json_string "$oid"), \"at\": $when}"
  else
    TOLD_JSON+=null
  fi
  settle_background
  word=''
  if read -r word 2>/dev/null <"$last/status"; then
    while IFS= read -r line; do lines+=("$line"); done <"$last/out"
    TOLD_JSON+=", \"background\": {\"exit\": $(json_string "$word"), \"said\": $(json_list ${lines[@]+"${lines[@]}"})}"
  fi
  TOLD_JSON+='}'
}
