# shellcheck shell=bash
# Most calls find nothing to do. A glance tells, in four programs, and needs no lock because it writes nothing.
# Needs: repository, identity, remote, results, owner.
# Sets: GLANCE HEAD_BRANCH HEAD_OID REMOTE_MOVED.

readonly GLANCE_LIMIT=100 # entries: the shell reads a pipe byte by byte

# begin_glance FOLDER: `git status` begins in the background, its entries end with its exit status.
begin_glance() {
  exec 5< <(
    git -C "$1" status --porcelain=v2 --branch -z -uall --no-renames --ignore-submodules=dirty 2>/dev/null
    printf 'end %s\0' "$?"
  )
  GLANCING=1
}
GLANCING=''

# nothing_to_do: 0 when tree, branch and remote are the same and nothing is left over: REPO_EXIT and the results are set.
# 1 when somebody has to look under the lock; what was seen serves the snapshot as well.
nothing_to_do() {
  if [ "$JOB" = sync ] && [ -z "$NO_PUSH$DRY_RUN$TAKE_UPSTREAM" ] && nothing_is_left_over; then
    glance_at_tree && glance_at_remote && return
    forget_problems
  fi
  end_glance
  return 1
}

end_glance() {
  [ -z "$GLANCING" ] || exec 5<&-
  GLANCING=''
}

# Traces of a sync that runs, was killed or waits for something.
nothing_is_left_over() {
  local trace
  for trace in "$LOCK_DIR" "$TREE/journal" "$TREE/unsettled" "$TREE/stopped" "$TREE/conflict-since" "$TREE/resolve" \
    "$TREE/put-back.json" "$TREE"/landing.* "$LOCK_STATE"/claims/* "$TREE"/queue/*; do
    [ ! -e "$trace" ] || return 1
  done
  [ "$STATE_FOUND" = "$STATE_FORMAT" ] && [ -z "$TRACKED_IDENTITY" ] && ! needs_setup && ! late_writes_wait && ! ledger_is_news
}

# Whether the caller's session has changed something that no sync has looked at: a file that is as in HEAD again shows
# no change, and yet lines of it may be gone. What is of the second of that look may be younger.
ledger_is_news() {
  local folder=$TREE/sessions/$SESSION
  [ -n "$SESSION" ] && [ -s "$folder/edits.jsonl" ] && [ ! "$folder/edits.jsonl" -ot "$folder/looked" ]
}

glance_at_tree() {
  local entry
  read_glance || return
  for entry in "${GLANCE[@]}"; do
    case $entry in
      '# branch.oid '*) HEAD_OID=${entry#\# branch.oid } ;;
      '# branch.head '*) HEAD_BRANCH=${entry#\# branch.head } ;;
      '#'*) ;;
      *) return 1 ;;
    esac
  done
  refuse_half_done_work && choose_branch "$HEAD_BRANCH" && [ -n "$REMOTE" ] || return 1
  read_seen
  read_accepted
  [ "$HEAD_OID" = "$SEEN" ] && [ "$ACCEPTED" = "$SEEN" ]
}

# GLANCE: the entries of the status. 1 when git failed, or has so much to say that it is better read from a file.
read_glance() {
  local entry
  [ -n "$GLANCING" ] || begin_glance "$TOP"
  while [ ${#GLANCE[@]} -lt "$GLANCE_LIMIT" ] && IFS= read -r -d '' entry; do
    if [ "$entry" = 'end 0' ]; then
      end_glance
      return
    fi
    GLANCE+=("$entry")
  done <&5
  GLANCE=()
  return 1
}

glance_at_remote() {
  if [ "$ROLE" = main ]; then
    load_identity "$TOP" || return 1
    tell_identity_problems
  fi
  is_git_reconciled || return 1
  begin_phase exchange
  remote_is_seen
  case $? in
    0)
      note_reached
      [ ! -s "$TREE/crowded" ] || : >"$TREE/crowded"
      ;;
    1)
      REMOTE_MOVED=1
      return 1
      ;;
  esac
  return 0
}

# Something was written into a file that an earlier advance had replaced: seen by the shell alone. What was read already
# is dated before `looked` (pylib/claudetools/checkout/late.py).
late_writes_wait() {
  local file
  [ -d "$TREE/late" ] || return 1
  for file in "$TREE"/late/*/[0-9]*; do
    case $file in *.used | *.new) continue ;; esac
    [ -f "$file" ] && [ "$file" -nt "$TREE/late/looked" ] && return 0
  done
  return 1
}
