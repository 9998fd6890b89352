#!/usr/bin/env bash
# Summary: Save and sync this repository and the vault.
# Usage: sync.sh [--mine | --all] [-m TEXT] [--wait S] [--no-push] [--dry-run] [--json] [--quiet] [--progress] [--allow PATH] [-- PATH...]
#        sync.sh --resolve [--take mine|theirs|both PATH | --abort]
#        sync.sh --points | --restore PATH@TIME | --status | --take-upstream
#        sync.sh --vault[=FOLDER] ...
#
# Commits what changed, sends it, and brings in what others sent, without disturbing anybody who works in this tree.
# The working tree belongs to the sessions: commits are built, rebased and checked as git objects, and incoming files
# are exchanged one by one, each only if nobody edited it meanwhile. Nothing is stashed, reset or overwritten.
#
#   --mine             only what this session changed; without it also the work of sessions that have ended or died,
#                      and what no session claims
#   --all              everybody's work, also unsaved work of live sessions; one commit each
#   -m TEXT            the commit's subject
#   --wait S           seconds to wait for another sync (120; at most 75 in an agent's shell)
#   --no-push          commit here only
#   --dry-run          show what would be saved, restored, laid out or taken; changes nothing
#   --json             the result as one JSON object on stdout
#   --quiet            no talk on stderr
#   --progress         say on stderr what is waited for, also where that is no terminal
#   --allow PATH       send PATH although it would be left out (size, secret, name); a folder stands for all below
#   --resolve          lay out both texts of a conflict; the next sync takes the result
#   --points           list the restore points of the last 14 days
#   --restore P@TIME   bring the file P back as it was at TIME
#   --status           who has the lock, and how the last sync ended
#   --take-upstream    accept that the remote's history was rewritten
#   --vault[=FOLDER]   all of this for the vault alone, or for one of several; paths are seen from its folder
#   -- PATH...         only these files and folders
#
# Exit status: 0 saved or nothing to do; 64 usage; 65 something was left out or needs you; 69 remote unreachable (your
# work is committed here); 70 internal; 73 lock or state cannot be created, or a lock file of git's is in the
# way; 75 deferred, another sync runs or this one goes on in the background (--status); 77 refused by the remote; 78 not
# set up, wrong branch, or somebody's merge in progress; 128+N ended by signal N.
# Environment: CLAUDETOOLS_SESSION_ID, CLAUDE_CODE_SESSION_ID or CODEX_SESSION_ID name the session.
#   CLAUDETOOLS_PYTHON is the interpreter for the helpers.
set -uo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}lib
load() {
  local part
  for part in "$@"; do
    # shellcheck source=/dev/null
    . "$lib/$part.sh" || exit 70
  done
}
# Git looks at the repository while the shell reads on.
load environment repository settings branch glance
begin_look .
begin_glance .
load exit_codes ui arguments patience python results identity owner vault remote answers deliver report

# What most calls do not need, and all of it before the lock is taken.
load_the_rest() {
  [ -z "$LOADED_FOR" ] || return 0
  LOADED_FOR=$ROLE
  load claim lock times changes checks gates cruft twins moves snapshot commit split unsplit others check_tree run_hook own_hooks \
    message_hooks push_hook replay exchange outgoing refusal conflict advance base recover points migrate first_time queue background
}
LOADED_FOR='' LEFT_RUNNING=''

main() {
  CALLED_WITH=("$@")
  parse_arguments "$@"
  if [ "$JOB" = help ]; then
    print_header "$0"
    exit 0
  fi
  [ -z "$JSON" ] || load json
  refuse_to_run_inside_a_sync
  start_clock
  trap 'end_by_signal 129' HUP
  trap 'end_by_signal 130' INT
  trap 'end_by_signal 143' TERM
  trap 'end_run "$?"' EXIT

  if [ -n "$VAULT_ONLY" ]; then look_for_vaults; else sync_repository . main; fi
  end_repository
  # Where main came to nothing (another branch, a merge under way, a lock) the vault is synced all the same. What goes on without us does it itself.
  [ -n "$IDENTITY_READ" ] || [ "$JOB" != sync ] || [ ! -d "$STATE" ] || load_identity "$TOP"
  if [ -n "$VAULT_ONLY" ] || { [ "$JOB" = sync ] && [ -z "$LEFT_RUNNING" ]; }; then
    sync_vaults
  fi
  [ -z "$JSON" ] || print_json
  if [ -n "$UNSAID" ]; then
    error "The result cannot be written to stdout. What was done stays done: $(sync_command) --status"
    note_exit "$EXIT_INTERNAL"
    end_repository
  fi
  exit "$RUN_EXIT"
}

# One repository from the lock to the report. The vault goes through the very same steps.
sync_repository() {
  local folder=$1 role=$2
  ROLE=$role
  reset_results
  forget_repository "$folder"
  begin_phase look
  if open_repository "$folder" && make_state && ! nothing_to_do; then
    load_the_rest
    if ! wants_background; then
      work_under_lock
    elif sync_in_background; then
      if [ -n "$TOLD_ALL" ]; then exit "$REPO_EXIT"; else return; fi
    fi
  fi
  end_phase
  deliver_notes
  [ "$JOB" != sync ] || [ -n "$LEFT_RUNNING" ] || write_history
  tell_result "$role"
}

work_under_lock() {
  local status
  forget_requests
  begin_phase lock
  if take_lock; then
    do_job
    status=$?
  else
    status=$?
    [ -z "$LOCK_SERVED" ] || status=0
  fi
  [ "$status" -eq 0 ] || report_unexplained "$status"
  end_phase
  close_results
  answer_requests
  let_go || note_exit "$?"
  ring_waiters
}

take_lock() {
  local status
  if [ "$JOB" = status ]; then return 0; fi
  prepare_claim "$LOCK_STATE" "$TITLE" || {
    report_lock "$?"
    return
  }
  limit_wait
  acquire_lock "$WAIT" begin_waiting is_served
  status=$?
  if [ "$status" -ne 0 ]; then
    if [ -z "$LOCK_SERVED" ]; then report_lock "$status"; else take_answer || report_unexplained "$?"; fi
    return "$status"
  fi
  [ -z "$LOCK_WAITED" ] || GLANCE=() # others have changed what it saw
  export CLAUDETOOLS_IN_SYNC=$LOCK_TOKEN
  unset CLAUDETOOLS_REENTER
  [ -z "$LOCK_WAITED" ] || make_state || return # a newer version may have changed its format meanwhile
  checkpoint locked
  recover_from_dead_runs && migrate_state
}

# The index first: without our claim, nothing would tell later whose its lock is.
let_go() {
  [ -n "$LOCK_RECORD" ] || return 0
  end_hook
  drop_fetch
  drop_receive
  unlock_index
  release_lock
}

do_job() {
  [ "$JOB" = sync ] || begin_phase "$JOB"
  case $JOB in
    status) show_status ;;
    points) list_points ;;
    resolve) look_at_tree && resolve_conflict ;;
    restore) { [ -n "$DRY_RUN" ] || finish_advance; } && { [ -n "$DRY_RUN" ] || settle_put_back || :; } && look_at_tree && take_snapshot && restore_path "$RESTORE" ;;
    sync) sync_tree ;;
  esac
}

# Rounds, because others may commit by plain git between any two of our steps: a lost compare-and-swap is not an error.
sync_tree() {
  local status
  refuse_half_done_work && finish_advance || return
  settle_put_back || : # nothing to settle, most times
  settle_incoming || return
  carry_late_writes || return
  for ((ROUND = 1; ROUND <= 20; ROUND++)); do
    begin_phase snapshot
    take_requests
    look_at_tree || return
    [ "$ROUND" -gt 1 ] || begin_fetch
    save_changes
    status=$?
    [ "$status" -ne 1 ] || continue
    [ "$status" -eq 0 ] && [ -z "$DRY_RUN" ] || return "$status"
    [ -n "$SAVING_REFUSED" ] || ! more_requests_wait || continue
    begin_phase exchange
    exchange || {
      status=$?
      [ "$POSTPONED" != 1 ] || report_unlaid
      return "$status"
    }
    begin_phase advance
    receive
    status=$?
    if [ "$status" -eq 0 ] && [ "$POSTPONED" = 1 ]; then POSTPONED=2 status=1; fi
    [ "$status" -eq 1 ] || return "$status"
  done
  problem "$EXIT_DEFERRED" warn "Others commit here all the time: after 20 rounds the branch still moves." \
    "Nothing is lost. Run sync again."
  return "$EXIT_DEFERRED"
}

look_at_tree() {
  read_status && choose_branch "$HEAD_BRANCH" || return
  name_tracked_identity
  if [ "$ROLE" = main ] && [ "$ROUND" -eq 1 ]; then
    load_identity "$TOP" && reconcile_git_config || return
    tell_identity_problems
    refresh_clone
  elif [ "$ROUND" -eq 1 ]; then
    set_up_vault_hook
    reconcile_git_config || return
  fi
  find_base
}

# 0 saved, or nothing to save; 1 go round again; else an exit code.
save_changes() {
  local status
  COMMIT_PARENT=$HEAD_OID
  begin_round
  [ -z "$SAVING_REFUSED" ] || return 0
  if ! has_changes && [ "$BASE_OID" = "$HEAD_OID" ] &&
    [ ! -s "$TREE/unsettled" ] && ! ledger_is_news; then
    return 0
  fi
  take_snapshot || return
  checkpoint snapshot
  split_snapshot || return # 1: what a write took out was put back
  write_commits || return
  [ ${#MADE[@]} -gt 0 ] || return 0
  if [ -n "$DRY_RUN" ]; then
    note_commits "$MADE_OWN" "${MADE[@]}"
    return 0
  fi
  begin_phase check
  run_own_hooks # 1: without what they refuse
  status=$?
  [ "$status" -eq 0 ] || return $((${#SAVING_REFUSED} ? 0 : status))
  begin_phase commit
  land_commit || return
  [ -z "$FIXED_TREE" ] || advance_tree "$HEAD_OID" || return
  run_post_commit_hooks || return
  forget_acks
  prune_points
}

# A hook of a sync that starts a sync would wait for itself.
refuse_to_run_inside_a_sync() {
  [ "$JOB" = sync ] && runs_inside_a_sync || return 0
  say "[DEFERRED] This was started from within a sync. Its files go with the next one."
  exit "$EXIT_DEFERRED"
}

end_run() {
  stop_clock
  let_go
  [ -z "$BACKGROUND" ] || printf '%s\n' "$1" 2>/dev/null >"$BACKGROUND/status"
}

end_by_signal() {
  trap - HUP INT TERM
  [ -z "$NETWORK_PID" ] || kill -TERM "$NETWORK_PID" 2>/dev/null
  error "Ended by a signal${NETWORK_PID:+ while it waited for $(visible "$REMOTE")}. Nothing is lost; ${LEFT_RUNNING:+the sync goes on in the background, and }the next sync goes on from here."
  exit "$1"
}

main "$@"
