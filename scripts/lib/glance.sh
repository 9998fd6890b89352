# shellcheck shell=bash
# Most calls find nothing to do. A glance tells, in four programs, and needs no lock because it writes nothing.
# Needs: repository, identity, exchange, results, lock.

# nothing_to_do: 0 when tree, branch and remote are the same and nothing is left over: REPO_EXIT and the results are set.
# 1 when somebody has to look under the lock.
nothing_to_do() {
  [ "$JOB" = sync ] && [ -z "$NO_PUSH$DRY_RUN$TAKE_UPSTREAM" ] && nothing_is_left_over || return 1
  glance_at_tree && glance_at_remote && return 0
  PROBLEMS=() FACTS=() REPO_EXIT=$EXIT_OK
  # What was seen serves the snapshot as well, unless a name in it is quoted.
  case $GLANCE in *'"'*) GLANCE='' ;; esac
  return 1
}

# Traces of a sync that runs, was killed or waits for something.
nothing_is_left_over() {
  local trace
  for trace in "$LOCK_DIR" "$TREE/journal" "$TREE/unsettled" "$TREE/stopped" "$TREE/conflict-since" "$TREE/resolve" \
    "$LOCK_STATE"/claims/* "$TREE"/queue/*; do
    [ ! -e "$trace" ] || return 1
  done
  [ "$STATE_FOUND" = "$STATE_FORMAT" ] && ! needs_setup && ! late_writes_wait
}

glance_at_tree() {
  local line accepted=''
  GLANCE=$(exec git -C "$TOP" status --porcelain=v2 --branch -uall --no-renames --ignore-submodules=dirty 2>/dev/null) || {
    GLANCE=''
    return 1
  }
  while IFS= read -r line; do
    case $line in
      '# branch.oid '*) HEAD_OID=${line#\# branch.oid } ;;
      '# branch.head '*) HEAD_BRANCH=${line#\# branch.head } ;;
      '#'*) ;;
      *) return 1 ;;
    esac
  done <<<"$GLANCE"
  refuse_half_done_work && choose_branch "$HEAD_BRANCH" && [ -n "$REMOTE" ] || return 1
  read_seen
  read -r accepted 2>/dev/null <"$TREE/accepted"
  [ "$HEAD_OID" = "$SEEN" ] && [ "$accepted" = "$SEEN" ]
}

glance_at_remote() {
  if [ "$ROLE" = main ]; then
    load_identity "$TOP" || return 1
    tell_identity_problems
  fi
  [ "$CONFIG_NAME" = "$ID_NAME" ] && [ "$CONFIG_EMAIL" = "$ID_EMAIL" ] || return 1
  begin_phase exchange
  remote_is_seen
  case $? in
    0) note_reached ;;
    1)
      REMOTE_MOVED=1
      return 1
      ;;
  esac
  return 0
}
