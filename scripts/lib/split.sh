# shellcheck shell=bash
# From one snapshot to one commit for each session, and one for what nobody claims. Whose each line is, the ledgers
# of the sessions tell (pylib/claudetools/sessions/split.py).
# Needs: repository, snapshot, commit, python, results.
# Sets: ALL_CHANGED COMMIT_BELOW COMMIT_IDS COMMIT_OID COMMIT_TOPIC COMMIT_TREE HOLDERS MADE MADE_IDS MADE_OWN
#   OTHERS_LEFT POSTPONED PUT_BACK SHORT_IDS SNAPSHOT_WHOLE SPLITS SPLIT_ASKED SPLIT_TREE.

readonly MOST_PUT_BACKS=5 # a run; whoever writes over what has just come back makes another one

# split_snapshot: 0, or 1 to go round again (what a session's write took out of a file was put back). Sets SPLITS, one
# item a commit: tree, ids, positions, window, topic ("-" for none), SPLIT_TREE, the tree of the last, and HOLDERS (path, id, topic), the
# live sessions that have unsaved work there. Without any session: one commit, nothing is started.
split_snapshot() {
  local id ids='' why status
  LOST_TREE='' SPLIT_ASKED=()
  name_callers
  for id in ${CALLERS[@]+"${CALLERS[@]}"}; do SPLIT_ASKED+=(--session "$id") ids+=${ids:+,}$id; done
  for id in ${REFUSED_WORK[@]+"${REFUSED_WORK[@]}"}; do SPLIT_ASKED+=("--without=$id"); done
  [ -z "$DRY_RUN" ] || SPLIT_ASKED+=(--look)
  ask_for_left_out
  SPLITS=("$SNAPSHOT_TREE ${ids:--} - 0 -") SPLIT_TREE=$SNAPSHOT_TREE IDLE_IDS=() HOLDERS=() OTHERS_LEFT=()
  has_sessions || return 0
  if find_python; then
    ask_whose
    status=$?
    [ "$status" -eq 2 ] || return "$status"
    why=$WHY
    # Without the contents there is less that can fail.
    if ask_whose --files; then
      note_round "[WARN] Whose each line is cannot be told ($why). Files that several sessions changed go or stay as a whole."
      return 0
    fi
  else
    why="no Python $PYTHON_FLOOR or newer"
  fi
  save_without_split "$why"
}

# ask_whose ARGS...: takes the helper's answer; 0 or 1 as split_snapshot. 2 when it fails, with WHY in words.
ask_whose() {
  local out status
  out=$(run_python split --top "$TOP" --git-dir "$GIT_FOLDER" --common "$COMMON" --scratch "$WORK" --head "$BASE_OID" \
    --tip "$HEAD_OID" --tree "$SNAPSHOT_TREE" --mode "$WHOSE" ${SPLIT_ASKED[@]+"${SPLIT_ASKED[@]}"} "$@" 2>"$WORK/error")
  status=$?
  if [ "$status" -ne 0 ]; then
    WHY=$(tail -n 1 "$WORK/error")
    if [ "$status" -gt 128 ]; then WHY="killed by signal $((status - 128))"; else WHY=$(visible "${WHY:-no answer}"); fi
    return 2
  fi
  read_split "$out"
  [ -z "$LOST_TREE" ] || [ -n "$DRY_RUN" ] || [ "$PUT_BACK" -ge "$MOST_PUT_BACKS" ] || put_back_lost
}

has_sessions() {
  local folder
  for folder in "$TREE"/sessions/*/; do [ -d "$folder" ] && return 0; done
  return 1
}

read_split() {
  local word rest one two three four five
  SPLITS=()
  while IFS=$'\t' read -r word rest; do
    IFS=$'\t' read -r one two three four five <<<"$rest"
    case $word in
      commit) SPLITS+=("${rest//$'\t'/ }") ;;
      tree) SPLIT_TREE=$one ;;
      back) LOST_TREE=$one ;;
      idle) IDLE_IDS+=("$one") ;;
      alone) tell_left_alone "$one" "$two" "$three" ;;
      waits) tell_waiting "$one" "$two" "$three" "$four" "$five" ;;
      left) note_owner_of_left_out "$one" "$two" "$three" ;;
      holds) HOLDERS+=("$one"$'\t'"$two"$'\t'"$three") ;;
      gone) note_gone "$one" "$two" "$three" "$four" ;;
      said) note_round "[WARN] $one" ;;
    esac
  done <<<"$1"
  [ "$SPLIT_TREE" = "$SNAPSHOT_TREE" ] || SNAPSHOT_WHOLE=''
}

# An agent read a file, worked on its text and wrote it back over what another had written meanwhile: that is proved, so
# it is put back, by compare-and-swap, before anything is committed. 1: start over. 0: it could not be.
put_back_lost() {
  local now new
  PUT_BACK=$((PUT_BACK + 1))
  [ "$BASE_OID" = "$HEAD_OID" ] && [ ! -s "$TREE/journal" ] || return 0
  now=$(git -C "$TOP" commit-tree "$SNAPSHOT_TREE" ${HEAD_OID:+-p "$HEAD_OID"} -m "Before lost lines came back") &&
    new=$(git -C "$TOP" commit-tree "$LOST_TREE" -p "$now" -m "With lost lines") || return 0
  : >"$TREE/put-back.said" && mv "$WORK/put-back.json" "$TREE/put-back.json" || return 0
  checkpoint put-back
  run_advance begin --base "$now" --new "$new" >>"$TREE/put-back.said" 2>"$WORK/error"
  checkpoint put-back-done
  ! settle_put_back
}

# What came back goes into the ledgers, and is said: at once, or by the next sync where one was killed. 1: nothing was
# to be settled, or it cannot be yet.
settle_put_back() {
  local out word path topic by back=1
  [ -s "$TREE/put-back.json" ] && find_python || return 1
  out=$(run_python put-back --top "$TOP" --git-dir "$GIT_FOLDER" --common "$COMMON" --scratch "$WORK" 2>"$WORK/error") || return 1
  while IFS=$'\t' read -r word path topic by; do
    [ "$word" = back ] || continue
    note_fact "[INFO] Put back: '$by' wrote $path over what '$topic' had just written there. It holds both now."
    back=0
  done <<<"$out"
  return "$back"
}

# note_gone PATH ID TOPIC LINES: said once. It stays as somebody wanted it.
note_gone() {
  note_fact "[INFO] Gone from $1: $(count_of "$4" "unsaved line") of '$3'. Somebody took them out, and they stay out."
  note_fact "       If that was a mistake: $(tools_command) sessions restore $2 $1"
}

tell_left_alone() {
  local state=$1 count=$2 topic=$3
  if [ "$state" = unclaimed ]; then
    note_round "[INFO] Left alone: $(count_of "$count" file) that no session claims."
  else
    note_round "[INFO] Left alone: unsaved work of '$topic' ($state, $(count_of "$count" file)). It goes with that session's next save."
  fi
}

# tell_waiting PATH STATE TOPIC IDS UNCLEAR: what IDS would save goes with what the session TOPIC has not saved.
tell_waiting() {
  local id fact
  if [ "$5" = 1 ]; then
    fact="[INFO] Waiting: $1 changed while commands of several sessions ran, one of them '$3' ($2): whose it is cannot be told. Yours? $(tools_command) sessions claim $(quoted "$1")"
  else
    fact="[INFO] Waiting: $1 has changes that hang together with unsaved work of '$3' ($2). They go together, with that session's next save. Now: $(sync_command) --all"
  fi
  note_round "$fact"
  for id in ${CALLERS[@]+"${CALLERS[@]}"}; do
    case ",$4," in *",$id,"*) note_waiting "$id" "$1" "$fact" ;; esac
  done
}

# write_commits: SPLITS as commits on HEAD, as objects only. Sets MADE ("oid subject" each), MADE_OWN, ALL_CHANGED,
# and for the last one COMMIT_OID, COMMIT_TREE, COMMIT_BELOW (its parent) and what read_changes sets.
write_commits() {
  local item tree below=${HEAD_OID:-$(empty_tree)} parent=$HEAD_OID
  MADE=() MADE_IDS=() ALL_CHANGED=() MADE_OWN=0 COMMIT_OID=''
  for item in ${SPLITS[@]+"${SPLITS[@]}"}; do
    read -r tree COMMIT_IDS COMMIT_ENDS COMMIT_WINDOW COMMIT_TOPIC <<<"$item"
    [ "$COMMIT_IDS" != - ] || COMMIT_IDS=''
    [ "$COMMIT_TOPIC" != - ] || COMMIT_TOPIC=''
    lay_onto_head "$tree" || return
    if [ "$POSTPONED" = 1 ]; then
      MADE=()
      return 0
    fi
    read_changes "$below" "$COMMIT_TREE" || return
    [ ${#CHANGED[@]} -gt 0 ] || continue
    find_foreign_logs || return 1
    ALL_CHANGED+=("${CHANGED[@]}")
    find_log_in_changes
    count_changes
    if [ -n "$DRY_RUN" ]; then
      compose_subject
      COMMIT_OID=$COMMIT_TREE
    else
      write_commit "$parent" || return
    fi
    is_own_commit && MADE_OWN=$((MADE_OWN + 1))
    MADE+=("$COMMIT_OID $SUBJECT")
    MADE_IDS+=("$COMMIT_IDS")
    COMMIT_BELOW=$parent parent=$COMMIT_OID below=$COMMIT_TREE
  done
  COMMIT_TREE=$below
}

is_own_commit() {
  case ",$COMMIT_IDS," in *",${SESSION:-none},"*) return 0 ;; esac
  return 1
}

# -m is the subject of the caller's commit; of what nobody claims where the caller has none.
takes_message() {
  local item
  [ -n "$MESSAGE" ] && [ "$OWN_COMMITS" -eq 0 ] || return 1
  is_own_commit && return 0
  [ -z "$COMMIT_IDS" ] || return 1
  for item in "${SPLITS[@]}"; do
    COMMIT_IDS=${item#* }
    COMMIT_IDS=${COMMIT_IDS%% *}
    if is_own_commit; then
      COMMIT_IDS=''
      return 1
    fi
  done
  COMMIT_IDS=''
}

# Each session of the commit, with the position in its ledger up to which its edits are in here.
print_session_trailers() {
  local ids=$COMMIT_IDS, ends=$COMMIT_ENDS,
  while [ "$ids" != , ] && [ -n "$ids" ]; do
    printf 'Session-Id: %s\n' "${ids%%,*}"
    case ${ends%%,*} in '' | 0 | -) ;; *) printf 'Edits: %s\n' "${ends%%,*}" ;; esac
    ids=${ids#*,} ends=${ends#*,}
  done
  [ "$COMMIT_WINDOW" != 1 ] || printf 'Attribution: window\n'
}

# unless_saved: says so where the commit holds work of a session that has not asked for it.
unless_saved() {
  local ids=$COMMIT_IDS,
  while [ -n "$ids" ]; do
    if ! contains "${ids%%,*}" ${CALLERS[@]+"${CALLERS[@]}"}; then
      printf ', unsaved'
      return 0
    fi
    ids=${ids#*,}
  done
}

shorten_ids() { # sets SHORT_IDS: 7f3a12,b1c277 -> 7f3a, b1c2
  local ids=$1, one
  SHORT_IDS=''
  while [ -n "$ids" ]; do
    one=${ids%%,*}
    SHORT_IDS+="${SHORT_IDS:+, }${one:0:4}" ids=${ids#*,}
  done
}

# Ours are told in the summary, also when a further round has saved the work of others on top of them.
note_landed_commits() {
  if [ "$OWN_COMMITS" -gt 0 ] && [ "$MADE_OWN" -eq 0 ]; then
    note_commits_below "${MADE[@]}"
    recall_own_changes
  else
    note_commits "$MADE_OWN" "${MADE[@]}"
    [ "$MADE_OWN" -eq 0 ] || keep_own_changes
  fi
}

# At most one commit an hour of a session that only idles.
note_idle_commits() {
  local id
  for id in ${IDLE_IDS[@]+"${IDLE_IDS[@]}"}; do : >"$TREE/sessions/$id/idle-commit"; done
}

# lay_onto_head TREE: sets COMMIT_TREE. The tree's base is not HEAD when a commit by plain git came in between: then the
# change is TREE minus the base, laid onto HEAD by a three-way merge.
lay_onto_head() {
  local tree=$1 base=$BASE_OID head mine text
  COMMIT_TREE=$tree
  [ "$BASE_OID" != "$HEAD_OID" ] || return 0
  head=$(git -C "$TOP" commit-tree "$HEAD_OID^{tree}" -p "$base" -m head) &&
    mine=$(git -C "$TOP" commit-tree "$tree" -p "$base" -m tree) || return "$EXIT_INTERNAL"
  text=$(git -C "$TOP" merge-tree --write-tree --no-messages "$head" "$mine" 2>"$WORK/error")
  case $? in
    0) COMMIT_TREE=${text%%$'\n'*} SNAPSHOT_WHOLE='' ;;
    1)
      if [ "$POSTPONED" != 2 ] && [ -n "$REMOTE" ] && [ -z "$NO_PUSH$DRY_RUN" ]; then
        # The edits are on top of what came in, which HEAD has not yet: first HEAD, then they fit.
        POSTPONED=1
        return 0
      fi
      report_unlaid
      ;;
    *)
      report_git_failure "git merge-tree"
      return "$EXIT_INTERNAL"
      ;;
  esac
}

report_unlaid() {
  problem "$EXIT_HELD" error "A commit that was made here meanwhile and unsaved edits changed the same lines." \
    "Your folder keeps its text. Look: git -C $(quoted "$TOP") diff HEAD"
  return "$EXIT_HELD"
}
