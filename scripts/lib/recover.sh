# shellcheck shell=bash
# What a killed run may have left, finished or removed by the next one. Called with the lock held.
# Needs: repository, lock, python, advance.

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
  return 0
}

# A git that was killed leaves its lock files, and with them every later git would fail. The lock of the index is a
# link to the claim or to a private index, which proves whose it is. Locks of refs are held for milliseconds: one that is younger than the
# dead run's claim and still there a second later is the dead run's.
remove_git_locks_of() {
  local claim=$1 lock proof i stale=()
  for lock in "$COMMON/index.lock" "$COMMON"/worktrees/*/index.lock; do
    for proof in "$claim" "$STATE"/trees/*/work/index; do
      [ "$lock" -ef "$proof" ] && rm -f "$lock"
    done
  done
  while IFS= read -r -d '' lock; do
    [ ! "$lock" -ot "$claim" ] && stale+=("$lock")
  done < <(find "$GIT_FOLDER/HEAD.lock" "$COMMON/packed-refs.lock" "$COMMON/config.lock" "$COMMON/refs" -name '*.lock' -print0 2>/dev/null)
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
