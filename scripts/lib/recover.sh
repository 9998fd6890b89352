# shellcheck shell=bash
# What a killed run may have left, finished or removed by the next one. Called with the lock held.
# Needs: repository, lock, python, advance.

recover_from_dead_runs() {
  local claim dead=''
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
# link to the claim, which proves whose it is. Locks of refs are held for milliseconds: one that is younger than the
# dead run's claim and still there a second later is the dead run's.
remove_git_locks_of() {
  local claim=$1 lock stale=()
  for lock in "$GIT_FOLDER/index.lock" "$COMMON"/worktrees/*/index.lock; do
    [ "$lock" -ef "$claim" ] && rm -f "$lock"
  done
  for lock in "$GIT_FOLDER/HEAD.lock" "$COMMON/refs/heads/$BRANCH.lock" "$COMMON/refs/remotes/$REMOTE/$BRANCH.lock" \
    "$COMMON/packed-refs.lock" "$COMMON/config.lock" "$COMMON"/refs/claudetools/points/*.lock; do
    [ -e "$lock" ] && [ ! "$lock" -ot "$claim" ] && stale+=("$lock")
  done
  [ ${#stale[@]} -gt 0 ] || return 0
  rm -f "$WORK"/stale.*
  for lock in "${stale[@]}"; do ln "$lock" "$WORK/stale.${lock##*/}" 2>/dev/null; done
  pause 1000
  for lock in "${stale[@]}"; do
    if [ "$lock" -ef "$WORK/stale.${lock##*/}" ]; then
      rm -f "$lock"
      note_fact "[INFO] Removed $(visible "${lock#"$COMMON"/}"), left by a git that was killed."
    fi
  done
  rm -f "$WORK"/stale.*
}
