# shellcheck shell=bash
# A move is one change. Where a gate leaves out the new name, the deletion of the old one does not go out alone: it would
# take the file from the remote and from every other machine.
# Needs: repository, gates, snapshot, python.

# may_move PATH: what was held back there is no news for the remote if a deleted path of the same change had these bytes.
may_move() { contains "$1" ${HELD[@]+"${HELD[@]}"} || MOVABLE+=("$1"); }

forget_movable() {
  local path kept=()
  for path in ${MOVABLE[@]+"${MOVABLE[@]}"}; do [ "$path" = "$1" ] || kept+=("$path"); done
  MOVABLE=(${kept[@]+"${kept[@]}"})
}

# settle_moves: after all gates, with the private index staged. A new path that was left out and holds what a deleted one
# held goes with it, where the gate allows that (MOVABLE). In any other pair both names stay.
settle_moves() {
  local old new entry release=() stay=()
  [ "$JOB" != restore ] && list_move_sides || {
    quarantine_cruft
    return
  }
  if ! find_python || ! run_python held-moves --top "$TOP" --base "$BASE_OID" --paths "$WORK/move-sides" >"$WORK/moves" 2>"$WORK/error"; then
    hold_all_deletions
    quarantine_cruft ${CRUFT[@]+"${CRUFT[@]}"}
    return
  fi
  while IFS= read -r -d '' old && IFS= read -r -d '' new && IFS= read -r -d '' entry; do
    if [ -n "$entry" ] && contains "$new" ${MOVABLE[@]+"${MOVABLE[@]}"}; then
      release+=("$new")
      printf '%s 0\t%s\0' "$entry" "$new"
    else
      stay+=("$old" "$new")
    fi
  done <"$WORK/moves" >"$WORK/released"
  [ ${#release[@]} -eq 0 ] || release_moved "${release[@]}" || return
  hold_old_names ${stay[@]+"${stay[@]}"}
  quarantine_cruft ${stay[@]+"${stay[@]}"}
}

# The deletions of this change, and the new paths that are left out of it. 1 when either is missing.
list_move_sides() {
  local path gone=() new=()
  [ -n "$BASE_OID" ] && [ $((${#GONE[@]} + ${#UNSTAGED[@]})) -gt 0 ] && [ $((${#HELD[@]} + ${#LATER[@]})) -gt 0 ] || return 1
  for path in ${GONE[@]+"${GONE[@]}"} ${UNSTAGED[@]+"${UNSTAGED[@]}"}; do
    is_allowed "$path" || contains "$path" ${HELD[@]+"${HELD[@]}"} || gone+=("$path")
  done
  for path in ${HELD[@]+"${HELD[@]}"} ${LATER[@]+"${LATER[@]}"}; do
    ! contains "$path" ${NEW_PATHS[@]+"${NEW_PATHS[@]}"} || new+=("$path")
  done
  [ ${#gone[@]} -gt 0 ] && [ ${#new[@]} -gt 0 ] || return 1
  printf '%s\0' "${gone[@]}" '' "${new[@]}" >"$WORK/move-sides"
}

# release_moved PATHS...: into the snapshot with the very bytes that the remote has, whatever is written there meanwhile.
release_moved() {
  local i path kept=() left=() paths=()
  GIT_INDEX_FILE=$SNAPSHOT_INDEX git -C "$TOP" update-index -z --index-info <"$WORK/released" 2>"$WORK/error" || {
    report_git_failure "git update-index"
    return "$EXIT_INTERNAL"
  }
  GIT_INDEX_FILE=$SNAPSHOT_INDEX git -C "$TOP" update-index -q --refresh >/dev/null 2>&1
  for path in "${HELD[@]}"; do contains "$path" "$@" || kept+=("$path"); done
  HELD=(${kept[@]+"${kept[@]}"})
  kept=()
  for path in ${REFUSED_PATHS[@]+"${REFUSED_PATHS[@]}"}; do contains "$path" "$@" || kept+=("$path"); done
  REFUSED_PATHS=(${kept[@]+"${kept[@]}"})
  for ((i = 0; i < ${#LEFT_OUT[@]}; i++)); do
    contains "${LEFT_PATHS[i]}" "$@" || left+=("${LEFT_OUT[i]}") paths+=("${LEFT_PATHS[i]}")
  done
  LEFT_OUT=(${left[@]+"${left[@]}"}) LEFT_PATHS=(${paths[@]+"${paths[@]}"})
}

# hold_old_names OLD NEW...: pairs. It is said with what is left out.
hold_old_names() {
  local old new i said
  while [ $# -gt 0 ]; do
    old=$1 new=$2
    shift 2
    ! contains "$old" "${HELD[@]}" || continue
    HELD+=("$old")
    said=''
    for ((i = 0; i < ${#LEFT_PATHS[@]}; i++)); do
      [ "${LEFT_PATHS[i]}" = "$new" ] || continue
      LEFT_OUT[i]+=$'\n'"It was $(visible "$old"), which stays $(on_remote) until this goes. Send the deletion alone: $(sync_command) --allow $(quoted "$old")"
      said=1
      break
    done
    if [ -n "$said" ]; then
      :
    elif contains "$new" ${LATER[@]+"${LATER[@]}"}; then
      info "It was $(visible "$old"), which stays $(on_remote) until then."
    else
      left_out "the deletion of $(visible "$old")" "it was moved to $(visible "$new"), which is left out" \
        "Send the deletion: $(sync_command) --allow $(quoted "$old")"
    fi
  done
}

on_remote() { if [ -n "$REMOTE" ]; then printf 'on %s' "$(visible "$REMOTE")"; else printf 'committed'; fi; }

# Nobody can tell what belongs together: no file goes away before somebody can.
hold_all_deletions() {
  local path count=0
  for path in ${GONE[@]+"${GONE[@]}"} ${UNSTAGED[@]+"${UNSTAGED[@]}"}; do
    is_allowed "$path" || contains "$path" ${HELD[@]+"${HELD[@]}"} || { HELD+=("$path") && count=$((count + 1)); }
  done
  left_out "the deletion of $(count_of "$count" file)" "whether they were moved to what is left out cannot be told without Python $PYTHON_FLOOR or newer" \
    "Send the deletions: $(sync_command) --allow ."
}

# What sort_out_names had to leave in its place, as long as it might be the new name of a deleted file.
quarantine_cruft() {
  local path
  for path in ${CRUFT[@]+"${CRUFT[@]}"}; do
    if contains "$path" "$@"; then
      left_out "$path" "is a Windows path used as a file name" "Rename it: mv -- $(near "$path") $(near NEW-NAME)"
    else
      quarantine_path "$path" || return
    fi
  done
}
