# shellcheck shell=bash
# What a killed run may have left, finished or removed by the next one. Called with the lock held.
# Needs: repository, lock, python, times, advance, run_hook.

recover_from_dead_runs() {
  local claim dead=''
  unlock_index
  for claim in "$LOCK_STATE"/claims/dead.*; do
    [ -e "$claim" ] || continue
    dead=1
    remove_git_locks_of "$claim" || return
  done
  if [ -n "$dead" ] || claims_look_dead; then
    find_python && run_python_with_packages lock sweep "$LOCK_DIR" "$LOCK_STATE" "$MACHINE_ID" "$BOOT_ID" >/dev/null 2>&1
  fi
  for claim in "$LOCK_STATE"/claims/dead.*; do [ ! -e "$claim" ] || rm -f "$claim" "$claim.alive"; done
  note_killed_hook
  expect_git_locks
}

# expect_git_locks FILE...: a git of ours that makes these lock files begins; without any, it has ended. Were we killed
# in between, this is the proof that such a file is ours.
expect_git_locks() {
  { if [ $# -gt 0 ]; then printf '%s\n' "$@"; fi >"$WORK/git-locks"; } 2>/dev/null || :
}

# The same for a git that moves the branch of this tree.
expect_branch_locks() {
  local head
  { read -r head <"$GIT_FOLDER/HEAD"; } 2>/dev/null || return 0
  expect_git_locks "$GIT_FOLDER/HEAD.lock" "$COMMON/${head#ref: }.lock"
}

# A git that was killed leaves its lock files, and with them every later git would fail. The lock of the index is a link
# to the claim or to a private index, which proves whose it is. Of other locks only those go that a killed run expected
# and that are younger than its expecting them, or that lie where nobody but us has refs; and all of them only if they are
# still there a second later, while git needs milliseconds. Every other one may be a person's; it is named when it stops
# us (results.sh).
remove_git_locks_of() {
  local claim=$1 lock proof list i locks stale=()
  for lock in "$COMMON/index.lock" "$COMMON"/worktrees/*/index.lock; do
    for proof in "$claim" "$STATE"/trees/*/work/index; do
      [ "$lock" -ef "$proof" ] && rm -f "$lock"
    done
  done
  for list in "$STATE"/trees/*/work/git-locks; do
    [ -s "$list" ] || continue
    locks=()
    while IFS= read -r lock; do locks+=("$lock"); done <"$list"
    find_touched "$list" '' ${locks[@]+"${locks[@]}"}
    stale+=(${TOUCHED[@]+"${TOUCHED[@]}"})
    : >"$list"
  done
  find_touched "$claim" '' "$COMMON"/refs/claudetools/points/*.lock
  stale+=(${TOUCHED[@]+"${TOUCHED[@]}"})
  [ ${#stale[@]} -gt 0 ] || return 0
  rm -f "$WORK"/stale.*
  for ((i = 0; i < ${#stale[@]}; i++)); do ln "${stale[i]}" "$WORK/stale.$i" 2>/dev/null; done
  pause 1000
  for ((i = 0; i < ${#stale[@]}; i++)); do
    lock=${stale[i]}
    if [ "$lock" -ef "$WORK/stale.$i" ]; then
      rm -f "$lock"
      note_fact "[INFO] Removed $(visible "${lock#"$COMMON"/}"), left by a git that was killed."
    fi
  done
  rm -f "$WORK"/stale.*
}
