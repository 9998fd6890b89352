# shellcheck shell=bash
# A move is one change. Where a gate leaves out the new name, the deletion of the old one does not go out alone: it would
# take the file from the remote and from every other machine.
# Needs: repository, gates, snapshot, python.
# Sets: MOVED_AWAY.

# settle_moves: after all gates, with the private index staged. A new path that was left out and holds what a deleted one
# held goes with it, where the gate allows that (may_move). In any other pair both names stay.
settle_moves() {
  local old new entry why release=() stay=()
  MOVED_AWAY=()
  [ "$JOB" != restore ] && list_move_sides || {
    quarantine_cruft
    return
  }
  why="no Python $PYTHON_FLOOR or newer"
  if ! find_python || ! { run_python held-moves --top "$TOP" --base "$BASE_OID" --seen "$SEEN" --paths "$WORK/move-sides" \
    >"$WORK/moves" 2>"$WORK/error" || { why=$(tail -n 1 "$WORK/error") && false; }; }; then
    hold_all_deletions "$(visible "$why")"
    list_changes cruft
    quarantine_cruft ${LISTED[@]+"${LISTED[@]}"}
    return
  fi
  while IFS= read -r -d '' old && IFS= read -r -d '' new && IFS= read -r -d '' entry; do
    if [ -n "$entry" ] && is_movable "$new"; then
      release+=("$new")
      printf '%s 0\t%s\0' "$entry" "$new"
    elif ! is_deleted "$old"; then
      MOVED_AWAY+=("$old" "$new") # by a plain commit: find_unsafe_commits
    else
      stay+=("$old" "$new")
    fi
  done <"$WORK/moves" >"$WORK/released"
  [ ${#release[@]} -eq 0 ] || release_moved "${release[@]}" || return
  quarantine_cruft ${stay[@]+"${stay[@]}"} || return
  hold_old_names ${stay[@]+"${stay[@]}"}
}

# The deletions of this change, the new paths that are left out of it, and the others. 1 when one of the first is missing.
list_move_sides() {
  local path left=() gone=() new=()
  list_changes left
  left=(${LISTED[@]+"${LISTED[@]}"})
  [ -n "$BASE_OID" ] && [ ${#left[@]} -gt 0 ] && read_seen || return 1
  list_changes deleted
  [ ${#LISTED[@]} -gt 0 ] || { [ -n "$SEEN" ] && [ "$SEEN" != "$HEAD_OID" ]; } || return 1
  for path in ${LISTED[@]+"${LISTED[@]}"}; do is_allowed "$path" || gone+=("$path"); done
  for path in "${left[@]}"; do ! is_new "$path" || new+=("$path"); done
  [ ${#new[@]} -gt 0 ] || return 1
  list_changes new
  {
    printf '%s\0' ${gone[@]+"${gone[@]}"} '' "${new[@]}" ''
    [ ${#LISTED[@]} -eq 0 ] || printf '%s\0' "${LISTED[@]}"
  } >"$WORK/move-sides"
}

# release_moved PATHS...: into the snapshot with the very bytes that the remote has, whatever is written there meanwhile.
release_moved() {
  local path
  GIT_INDEX_FILE=$SNAPSHOT_INDEX git -C "$TOP" update-index -z --index-info <"$WORK/released" 2>"$WORK/error" || {
    report_git_failure "git update-index"
    return "$EXIT_INTERNAL"
  }
  GIT_INDEX_FILE=$SNAPSHOT_INDEX git -C "$TOP" update-index -q --refresh >/dev/null 2>&1
  for path in "$@"; do let_go_again "$path"; done
  withdraw_left_out "$@"
}

# hold_old_names OLD NEW...: pairs. It is said with what is left out, of a folder for the first of its files.
hold_old_names() {
  local old new i said=() text
  while [ $# -gt 0 ]; do
    old=$1 new=$2
    shift 2
    ! is_held "$old" || continue
    hold_silently "$old"
    for ((i = 0; i < ${#LEFT_PATHS[@]}; i++)); do [ "${LEFT_PATHS[i]}" != "$new" ] || break; done
    text="It was $(visible "$old"), which stays $(on_remote) until this goes. Send the deletion alone: $(sync_command) --allow $(quoted "$old")"
    if [ "$i" -lt ${#LEFT_PATHS[@]} ]; then
      said[i]=$((${said[i]:-0} + 1))
      if [ "${said[i]}" -le 3 ]; then add_to_left_out "$i" "$text"; fi
    elif is_later "$new"; then
      info "It was $(visible "$old"), which stays $(on_remote) until then."
    else
      left_out "the deletion of $old" "it was moved to $(visible "$new"), which is left out" "Send the deletion: $(sync_command) --allow $(quoted "$old")"
    fi
  done
  for i in ${said[@]+"${!said[@]}"}; do
    [ "${said[i]}" -le 3 ] || add_to_left_out "$i" "$(count_of $((said[i] - 3)) "more old name") $(are $((said[i] - 3))) kept in the same way."
  done
}

on_remote() { if [ -n "$REMOTE" ]; then printf 'on %s' "$(visible "$REMOTE")"; else printf 'committed'; fi; }

# hold_all_deletions WHY: nobody can tell what belongs together, and no file goes away before somebody can.
hold_all_deletions() {
  local path count=0
  list_changes deleted
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    is_allowed "$path" || is_held "$path" || { hold_silently "$path" && count=$((count + 1)); }
  done
  [ "$count" -eq 0 ] || left_out "the deletion of $(count_of "$count" file)" "whether what is left out is their new name cannot be told: $1" \
    "Send the deletions: $(sync_command) --allow ."
}

# What sort_out_names had to leave in its place, as long as it might be the new name of a deleted file.
quarantine_cruft() {
  local path
  list_changes cruft
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    if contains "$path" "$@"; then
      left_out "$path" "is a Windows path used as a file name" "Rename it: mv -- $(near "$path") $(near NEW-NAME)"
    else
      quarantine_path "$path" || return
    fi
  done
}

# More than half of everything gone at once is more often an accident than a wish. A file with a new name is not gone, and
# what is of claudetools itself is not counted: an upgrade takes files away.
hold_mass_deletion() {
  local path gone=() tracked
  [ "$JOB" != restore ] || return 0 # else what is to be brought back would count as still there
  list_changes missed
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    is_allowed "$path" || is_own_file "$path" || gone+=("$path")
  done
  [ ${#gone[@]} -ge 10 ] || return 0
  tracked=$(git -C "$TOP" ls-files -z -- . ':!.claude/claudetools*' | tr -dc '\0' | wc -c)
  list_changes unstaged
  tracked=$((tracked + ${#LISTED[@]}))
  [ $((2 * ${#gone[@]})) -gt "$tracked" ] || return 0
  if GIT_INDEX_FILE=$SNAPSHOT_INDEX git -C "$TOP" diff-index --cached -M -l 4000 --no-rename-empty --diff-filter=D \
    --name-only -z "$BASE_OID" >"$WORK/deleted" 2>"$WORK/error"; then
    gone=()
    while IFS= read -r -d '' path; do
      is_allowed "$path" || is_held "$path" || is_own_file "$path" || gone+=("$path")
    done <"$WORK/deleted"
  fi
  [ ${#gone[@]} -ge 10 ] && [ $((2 * ${#gone[@]})) -gt "$tracked" ] || return 0
  left_out "the deletion of ${#gone[@]} files" "more than half of the $tracked files here" \
    "Bring them back: git -C $(quoted "$TOP") restore ." "Send the deletions: $(sync_command) --allow ."
  for path in "${gone[@]}"; do hold_silently "$path"; done
}

is_own_file() { case $1 in .claude/claudetools*) ;; *) return 1 ;; esac }
