# shellcheck shell=bash
# True conflicts: parked commits, a copy of them on the remote, and the ways to settle them.
# Needs: repository, results, exchange, python.
# Sets: TAKE_SIDE TIP.

# What could be sent is sent. The tree keeps the user's text and takes nothing in until the conflict is settled.
report_conflict() {
  local since line path who lines=() waiting
  TIP=$HEAD_OID
  read -r since 2>/dev/null <"$TREE/conflict-since" || {
    since=$(epoch_now)
    printf '%s\n' "$since" >"$TREE/conflict-since"
  }
  send_safety_copy
  tell_parked
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

tell_parked() {
  local sent=${#REPLAYED_PAIRS[@]} safe=''
  [ -n "$PUSHED" ] || return 0
  case $SAFETY_TEXT in *' safe on '*) safe=" and safe on $(visible "$REMOTE")" ;; esac
  note_parked "Pushed: $sent of $(count_of $((sent + ${#PARKED[@]})) commit). The rest is committed here$safe, but not on $(visible "$BRANCH")."
}

# A copy on a branch of its own: the parked work is safe even if this machine is not. Only what we have put there is
# replaced: where the branch holds another clone's copy, ours gets a name of its own.
send_safety_copy() {
  local sent='' ref=''
  SAFETY_TEXT=''
  read -r sent ref 2>/dev/null <"$TREE/conflict-sent"
  safety_branch "$ref"
  if [ "$sent" != "$HEAD_OID" ]; then
    find_unsafe_commits || return
    if [ ${#UNSAFE[@]} -gt 0 ]; then
      SAFETY_TEXT=" No copy was sent: it would show what may not go out."
      return 0
    fi
    push_copy "$HEAD_OID" "$sent" || {
      [ -z "$ref" ] && is_others_copy || return 0
      SAFETY+=-${HEAD_OID:0:7}
      push_copy "$HEAD_OID" '' || return 0
    }
    keep_record "$TREE/conflict-sent" "$HEAD_OID $SAFETY" || return
  fi
  SAFETY_TEXT=" Your commits are safe on $(visible "$REMOTE") (${SAFETY#refs/heads/})."
}

# push_copy OID OLD: SAFETY becomes OID ('' for: goes) where it is OLD.
push_copy() {
  network "$WORK/copy-error" git -C "$TOP" -c core.hooksPath=/dev/null push --quiet "--force-with-lease=$SAFETY:$2" "$REMOTE" "$1:$SAFETY"
}

# The branch is not as we left it: another clone's, or gone.
is_others_copy() { case $(<"$WORK/copy-error") in *'stale info'*) ;; *) return 1 ;; esac }

safety_branch() { # safety_branch NAME: sets SAFETY, NAME where one is known
  local who=$ID_MACHINE-$ID_USER
  SAFETY=${1:-refs/heads/claudetools/conflict/${who//[!A-Za-z0-9_-]/-}/$BRANCH}
}

# After a sync without a conflict: what it needed is removed. The copy on the remote goes when all that it holds has
# arrived; of a branch that a person has rebuilt meanwhile nobody can tell.
forget_conflict() {
  local sent='' ref=''
  [ -e "$TREE/conflict-since" ] || [ -e "$TREE/resolve" ] || return 0
  read -r sent ref 2>/dev/null <"$TREE/conflict-sent"
  if [ -n "$sent" ]; then
    safety_branch "$ref"
    if is_ancestor "$sent" "$HEAD_OID" && keeps_every_commit "$TIP"; then
      push_copy '' "$sent" || is_others_copy || return 0 # the next sync tries again
    else
      note_fact "[INFO] A copy of the commits that waited stays on $(visible "$REMOTE"). When you have all of it: $(git_here) push $(quoted "$REMOTE") --delete $(quoted "${SAFETY#refs/heads/}")"
    fi
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
    abort) lay_aside ;;
    take) take_side ;;
    *) lay_out_conflict ;;
  esac
}

lay_aside() {
  if [ ! -e "$TREE/resolve" ]; then
    note_fact "[OK] Nothing is laid out, so there is nothing to lay aside."
  elif [ -n "$DRY_RUN" ]; then
    note_fact "Would lay aside what is in .claudetools-resolve/. Nothing was changed."
  elif run_python resolve forget --top "$TOP" --tree-state "$TREE" 2>"$WORK/error"; then
    if [ -e "$TREE/conflict-since" ]; then
      note_fact "[OK] Laid aside. The conflict is still there: $(sync_command) --resolve"
    else
      note_fact "[OK] Laid aside."
    fi
  else
    report_git_failure "laying the conflict aside"
    return "$EXIT_INTERNAL"
  fi
}

lay_out_conflict() {
  local out word path how lines=()
  read_seen
  if [ -n "$SEEN" ] && [ -n "$HEAD_OID" ]; then
    out=$(run_python resolve lay-out --top "$TOP" --tree-state "$TREE" --head "$HEAD_OID" --onto "$SEEN" ${DRY_RUN:+--dry-run} 2>"$WORK/error")
  fi
  if [ -z "${out:-}" ]; then
    note_fact "[OK] Nothing to settle."
    return 0
  fi
  [ -n "$DRY_RUN" ] || git -C "$TOP" check-ignore -q .claudetools-resolve/x || { mkdir -p "$COMMON/info" && printf '/.claudetools-resolve/\n' >>"$COMMON/info/exclude"; }
  while IFS=$'\t' read -r word path how; do
    [ "$word" != file ] || lines+=("  ${MAIN_TOP:+$(visible "$TOP")/}.claudetools-resolve/$path    $how")
  done <<<"$out"
  if [ -n "$DRY_RUN" ]; then
    note_fact "Would lay out $(count_of ${#lines[@]} file). Nothing was changed. To do it: $(sync_command) --resolve"
    for path in "${lines[@]}"; do note_fact "$path"; done
    return 0
  fi
  note_fact "$(count_of ${#lines[@]} file). Edit it, or take a side, then run sync again. To leave it as it was: $(sync_command) --resolve --abort"
  for path in "${lines[@]}"; do note_fact "$path"; done
  note_fact "  $(sync_command) --resolve --take mine|theirs|both PATH"
}

take_side() {
  local said
  if said=$(run_python resolve take --top "$TOP" --tree-state "$TREE" --side "$TAKE_SIDE" --path "$TAKE_PATH" --head "$HEAD_OID" ${DRY_RUN:+--dry-run} 2>"$WORK/error"); then
    if [ -n "$DRY_RUN" ]; then
      note_fact "Would take $TAKE_SIDE for $(visible "$TAKE_PATH"). Nothing was changed."
      return 0
    fi
    [ "$said" != beside ] || TAKE_SIDE='both, which cannot be joined: theirs keeps the name, and yours gets a number behind it'
    note_fact "[OK] $(visible "$TAKE_PATH"): $TAKE_SIDE. Now run: $(sync_command)"
    return 0
  fi
  problem "$EXIT_HELD" error "$(visible "$TAKE_PATH") is in no conflict that was laid out." "First: $(sync_command) --resolve"
  return "$EXIT_HELD"
}
