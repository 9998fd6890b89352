# shellcheck shell=bash
# An agent's shell ends a command after 120 s, and all that it started. The repository's own hooks may need longer: there a
# sync that runs hooks is a process of its own from the beginning, which nothing changes hands with, and the one that was
# called passes on what it says, for as long as the shell lets it.
#
#   background/PID/   in the state folder; PID is the caller's. `out`, `err`, `pid` of the sync, `status` once it has ended
#   background/last/  the last one whose caller did not wait for its end
#
# Needs: repository, run_hook, owner, patience, results, ui.
# Sets: LEFT_RUNNING TOLD_ALL VAULT_PARTS.

TOLD_ALL=''
readonly HOOK_NAMES="pre-commit prepare-commit-msg commit-msg post-commit pre-push"

# Not below a with-lock: its lock goes with the caller.
wants_background() {
  local name
  [ -n "${CLAUDECODE:-}" ] && [ -z "$BACKGROUND$DRY_RUN${CLAUDETOOLS_REENTER:-}" ] && [ "$JOB" = sync ] || return 1
  for name in $HOOK_NAMES; do
    ! find_hook "$name" || return 0
  done
  return 1
}

# sync_in_background: 0 when it has ended and told its results, TOLD_ALL when they are all that there are; 1 when ours have to
# be told: it goes on, or was killed.
sync_in_background() {
  local folder=$STATE/background/$$ arguments=(${CALLED_WITH[@]+"${CALLED_WITH[@]}"})
  [ "$ROLE" = main ] || is_only_vault || name_vault_arguments
  rm -rf "$folder" && (umask 077 && mkdir -p "$folder" && : >"$folder/err") 2>/dev/null || {
    report_bad_state "$(visible "$folder") cannot be created."
    return 1
  }
  settle_background
  LEFT_RUNNING=$folder
  # The shell in between ends at once: whoever ends the caller's children, or its group, does not find the sync.
  (
    trap '' HUP
    set -m
    CLAUDETOOLS_BACKGROUND=$folder bash "$0" ${arguments[@]+"${arguments[@]}"} </dev/null >"$folder/out" 2>>"$folder/err" 3>&- 4>&- 5>&- &
    printf '%s\n' "$!" >"$folder/pid"
  )
  follow_background "$folder"
}

# The vault's own run, where the repository itself, or another vault, has been synced already.
name_vault_arguments() {
  arguments=("--vault=$VAULT_SAID" --wait "$WAIT" ${MESSAGE:+-m "$MESSAGE"} ${WHOSE:+"--$WHOSE"} ${NO_PUSH:+--no-push} ${JSON:+--json} ${QUIET:+--quiet})
}

# Passes on what it says until it has ended, or until the caller's time is up.
follow_background() {
  local folder=$1 line='' part='' step=20 pid=''
  read -r pid <"$folder/pid"
  exec 3<"$folder/err"
  while :; do
    pass_on
    [ ! -s "$folder/status" ] || break
    is_running "$pid" || [ -s "$folder/status" ] || break
    read_clock
    if [ $((NOW_MS - RUN_BEGAN)) -ge $(((AGENT_SECONDS - 5) * 1000)) ]; then
      report_left_running
      return 1
    fi
    pause "$step"
    [ "$step" -ge 200 ] || step=$((step + 20))
  done
  pass_on
  exec 3<&-
  end_following "$folder"
}

pass_on() { # a line is whole once its end has been written
  while IFS= read -r line <&3; do
    printf '%s%s\n' "$part" "$line" >&2
    part=''
  done
  part+=$line
}

end_following() {
  local folder=$1 status=$EXIT_INTERNAL text
  read -r status 2>/dev/null <"$folder/status" || {
    problem "$EXIT_INTERNAL" error "The sync was killed. Nothing is lost; the next sync goes on from there: $(sync_command)"
    rm -rf "$folder"
    LEFT_RUNNING=''
    return 1
  }
  text=$(<"$folder/out")
  rm -rf "$folder"
  LEFT_RUNNING=''
  if [ "$ROLE" = main ] || is_only_vault; then TOLD_ALL=1; fi
  if [ -n "$TOLD_ALL" ] || [ -z "$JSON" ]; then
    [ -z "$text" ] || printf '%s\n' "$text"
  else
    text=${text#*\"vault\": }
    VAULT_PARTS+=("${text%\}}")
  fi
  note_exit "$status"
}

report_left_running() {
  local what
  what=$(describe_hook) || what="the sync"
  problem "$EXIT_DEFERRED" deferred "Still running: $what; see $(sync_command) --status" \
    "It goes on in the background, and saves and sends what it can. Your files are on disk."
}

# What was left running: one that has ended becomes `last`, one that was killed is nothing any more.
settle_background() {
  local folder pid
  for folder in "$STATE"/background/[0-9]*; do
    [ -d "$folder" ] && [ "$folder" != "$BACKGROUND" ] && ! is_running "${folder##*/}" || continue
    pid=''
    read -r pid 2>/dev/null <"$folder/pid"
    if [ -s "$folder/status" ]; then
      rm -rf "$STATE/background/last" && mv "$folder" "$STATE/background/last"
    elif ! is_running "$pid"; then
      rm -rf "$folder"
    fi
  done
}

show_background() {
  local status='' line last=$STATE/background/last
  settle_background
  read -r status 2>/dev/null <"$last/status" || return 0
  say "The last sync in the background ended with $status:"
  while IFS= read -r line; do say "  $line"; done <"$last/out"
}
