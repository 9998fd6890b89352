# shellcheck shell=bash
# True conflicts: parked commits, a copy of them on the remote, and the ways to settle them.
# Needs: repository, results, exchange, python.

# What could be sent is sent. The tree keeps the user's text and takes nothing in until the conflict is settled.
report_conflict() {
  local since line path who lines=() waiting
  TIP=$HEAD_OID
  read -r since 2>/dev/null <"$TREE/conflict-since" || {
    since=$(epoch_now)
    printf '%s\n' "$since" >"$TREE/conflict-since"
  }
  send_safety_copy
  for line in ${CONFLICTS[@]+"${CONFLICTS[@]}"}; do
    path=${line%%$'\t'*} who=${line#*$'\t'}
    lines+=("$path: you and ${who:-somebody else} wrote different text.")
  done
  waiting=$(git -C "$TOP" diff --name-only -z "$HEAD_OID...$SEEN" 2>/dev/null | tr -dc '\0' | wc -c)
  problem "$EXIT_HELD" error "${lines[0]:-Your commits and the remote\'s conflict.}" ${lines[@]+"${lines[@]:1:9}"} \
    "Your folder keeps your text (since $(clock_time "$since")). Waiting for this: $(count_of $((waiting)) "received file").$SAFETY_TEXT" \
    "Settle: $(sync_command) --resolve"
  return "$EXIT_HELD"
}

# A copy on a branch of its own: the parked work is safe even if this machine is not.
send_safety_copy() {
  local sent=''
  SAFETY_TEXT=''
  safety_branch
  read -r sent 2>/dev/null <"$TREE/conflict-sent"
  if [ "$sent" != "$HEAD_OID" ]; then
    network git -C "$TOP" -c core.hooksPath=/dev/null push --quiet "$REMOTE" "+$HEAD_OID:$SAFETY" 2>/dev/null || return 0
    printf '%s\n' "$HEAD_OID" >"$TREE/conflict-sent"
  fi
  SAFETY_TEXT=" Your commits are safe on $(visible "$REMOTE") (${SAFETY#refs/heads/})."
}

safety_branch() {
  local who=$ID_MACHINE-$ID_USER
  SAFETY=refs/heads/claudetools/conflict/${who//[!A-Za-z0-9_-]/-}/$BRANCH
}

# After a sync without a conflict: what it needed is removed, the copy on the remote too.
forget_conflict() {
  [ -e "$TREE/conflict-since" ] || [ -e "$TREE/resolve" ] || return 0
  if [ -e "$TREE/conflict-sent" ]; then
    safety_branch
    network git -C "$TOP" -c core.hooksPath=/dev/null push --quiet "$REMOTE" ":$SAFETY" 2>/dev/null
  fi
  rm -f "$TREE/conflict-since" "$TREE/conflict-sent"
  put_resolution_away
}

# A conflict may also go by itself: the other side took its text back, or history was rewritten.
put_resolution_away() {
  local job=put-away kept
  [ -e "$TREE/resolve" ] && find_python || return 0
  [ -z "$RESOLVED" ] || job=forget
  kept=$(run_python resolve "$job" --top "$TOP" --tree-state "$TREE" 2>"$WORK/error")
  [ -z "$kept" ] || note_fact "[INFO] The conflict is gone without your resolution. What you wrote is kept in $(visible "${kept#*$'\t'}")."
}

# --- sync.sh --resolve --------------------------------------------------------------

resolve_conflict() {
  require_python_for "settling a conflict" || return
  case $RESOLVE in
    abort)
      run_python resolve forget --top "$TOP" --tree-state "$TREE"
      note_fact "[OK] Laid aside. The conflict is still there: $(sync_command) --resolve"
      ;;
    take) take_side ;;
    *) lay_out_conflict ;;
  esac
}

lay_out_conflict() {
  local out word path how lines=()
  read_seen
  if [ -n "$SEEN" ] && [ -n "$HEAD_OID" ]; then
    out=$(run_python resolve lay-out --top "$TOP" --tree-state "$TREE" --head "$HEAD_OID" --onto "$SEEN" 2>"$WORK/error")
  fi
  if [ -z "${out:-}" ]; then
    note_fact "[OK] Nothing to settle."
    return 0
  fi
  git -C "$TOP" check-ignore -q .claudetools-resolve/x || { mkdir -p "$COMMON/info" && printf '/.claudetools-resolve/\n' >>"$COMMON/info/exclude"; }
  while IFS=$'\t' read -r word path how; do
    [ "$word" != file ] || lines+=("  ${MAIN_TOP:+$(visible "$TOP")/}.claudetools-resolve/$path    $how")
  done <<<"$out"
  note_fact "$(count_of ${#lines[@]} file). Edit it, or take a side, then run sync again. To leave it as it was: $(sync_command) --resolve --abort"
  for path in "${lines[@]}"; do note_fact "$path"; done
  note_fact "  $(sync_command) --resolve --take mine|theirs|both PATH"
}

take_side() {
  if run_python resolve take --top "$TOP" --tree-state "$TREE" --side "$TAKE_SIDE" --path "$TAKE_PATH" 2>"$WORK/error"; then
    note_fact "[OK] $(visible "$TAKE_PATH"): $TAKE_SIDE. Now run: $(sync_command)"
    return 0
  fi
  problem "$EXIT_HELD" error "$(visible "$TAKE_PATH") is in no conflict that was laid out." "First: $(sync_command) --resolve"
  return "$EXIT_HELD"
}
