# shellcheck shell=bash
# Bringing incoming commits into the shared tree. The work is done by pylib/claudetools/checkout/.
# Needs: repository, lock, python, report.
# Sets: BASE_OID BEHIND HEAD_OID RECEIVING_FOR.

# 0 the tree holds what the remote has, or had nothing to take; 1 go round again; else an exit code.
receive() {
  local before=$HEAD_OID status
  if [ "$TIP" != "$HEAD_OID" ] || [ "$BASE_OID" != "$HEAD_OID" ]; then
    advance_tree "$TIP"
    status=$?
    [ "$status" -eq 0 ] || return "$status"
    count_received "$before"
    [ ! -s "$TREE/pairs" ] || : >"$TREE/pairs"
  fi
  [ ! -e "$TREE/stopped" ] || rm -f "$TREE/stopped"
  [ -z "$SEEN" ] || keep_record "$TREE/received" "$SEEN $BRANCH"
}

# What came in are the commits that we replayed ours upon. Where an earlier receive had stopped, copies of our own
# commits are among them.
count_received() {
  local before=$1 machine name names='' count=0
  [ "$UPSTREAM" != "$before" ] || return 0
  [ "$RELATED" = "$UPSTREAM $before" ] || list_received "$before"
  while IFS='|' read -r machine name; do
    [ -n "$name" ] || continue
    [ ! -s "$TREE/pairs" ] || [ "$machine" != "$ID_MACHINE" ] || continue
    count=$((count + 1))
    make_visible "$name"
    case ", $names, " in *", $VISIBLE, "*) ;; *) names="${names:+$names, }$VISIBLE" ;; esac
  done <<<"$BEHIND"
  note_received 0 "$count" "$names"
  tell_arrivals "$before"
}

# What came in and is started here: a change of the toolkit is news, never a file among others.
tell_arrivals() {
  local line asks=()
  [ -n "$1" ] && ! git -C "$TOP" diff-tree --quiet "$1" "$HEAD_OID" -- .claude/claudetools.json .claude/settings.json .claude/scripts \
    ':(top,glob)**/.gitattributes' 2>/dev/null || return 0
  ! is_set_up || asks=(--state "$STATE" --trust "$CONFIG_TRUST") # elsewhere nothing of the repository's is started
  while IFS= read -r line; do note_fact "[WARN] $line"; done < <(
    run_python arrivals --top "$TOP" --old "$1" --new "$HEAD_OID" ${asks[@]+"${asks[@]}"} 2>/dev/null ||
      printf '%s\n' "What came in and starts programs here cannot be told. See: git diff ${1:0:12} ${HEAD_OID:0:12} -- .claude .gitattributes"
  )
}

# As relate has it, where that was not asked: there was no commit here yet.
list_received() {
  BEHIND=$(git -C "$TOP" log --no-merges --no-show-signature --format='%(trailers:key=Machine,valueonly,separator=%x20)|%an' \
    "$UPSTREAM" ${1:+"^$1"} 2>/dev/null)
}

# advance_tree NEW: tree, index and branch from BASE_OID to NEW. 0 done; 1 go round again; else an exit code.
advance_tree() {
  local new=$1 status=''
  [ "$new" != "$BASE_OID" ] || [ "$new" != "$HEAD_OID" ] || return 0
  require_lock || return
  still_on_branch || return 1
  keeps_every_commit "$new" || {
    report_git_failure "moving $(visible "$BRANCH")"
    return "$EXIT_INTERNAL"
  }
  require_python_for "the files that came in" || return
  name_advance "$new"
  expect_branch_locks
  if [ -n "$RECEIVING" ] && [ "$RECEIVING_FOR" = "$BASE_OID $HEAD_OID $new" ]; then
    let_receive
    status=$?
    # Somebody has killed it before it changed anything.
    [ "$status" -le 128 ] || [ -e "$TREE/journal" ] || status=''
  fi
  if [ -z "$status" ]; then
    drop_receive
    run_advance begin "${ADVANCE_TO[@]}" >"$WORK/advance" 2>"$WORK/error"
    status=$?
  fi
  expect_git_locks
  read_advance_lines "$(<"$WORK/advance")"
  case $status in
    0)
      HEAD_OID=$new BASE_OID=$new
      ;;
    3) stop_advance ;;
    4) return 1 ;;
    5) report_busy_index ;;
    *)
      report_git_failure "receiving files"
      return "$EXIT_INTERNAL"
      ;;
  esac
}

name_advance() { # sets ADVANCE_TO
  ADVANCE_TO=(--base "${BASE_OID:-$(empty_tree)}" --new "$1" --ref "refs/heads/$BRANCH" --old "${HEAD_OID:-$(zero_oid)}")
}

run_advance() {
  compose_advance "$@"
  "${PYTHON_CALL[@]}"
}

compose_advance() { # sets PYTHON_CALL
  local job=$1
  shift
  export CLAUDETOOLS_SPARSE=$CONFIG_SPARSE CLAUDETOOLS_TOOLKIT=$TOOLKIT
  compose_python advance "$job" --top "$TOP" --git-dir "$GIT_FOLDER" --tree-state "$TREE" --claim "$LOCK_RECORD" "$@"
}

# --- while the push is under way ------------------------------------------------

# begin_receive: the helper loads, judges and prepares what will have to be received if the push arrives, and waits for
# the word on its standard input. Nothing in the tree is touched before. Once a run: whoever loses races saves nothing.
begin_receive() {
  [ "$TIP" != "$HEAD_OID" ] && [ "$BASE_OID" = "$HEAD_OID" ] && [ -n "$HEAD_OID" ] && [ -z "$RECEIVING_FOR" ] || return 0
  case ${OSTYPE:-} in msys* | cygwin*) return 0 ;; esac
  { [ -p "$WORK/go" ] || mkfifo -m 600 "$WORK/go" 2>/dev/null; } && find_python || return 0
  name_advance "$TIP"
  compose_advance begin-ahead "${ADVANCE_TO[@]}"
  RECEIVING_FOR="$BASE_OID $HEAD_OID $TIP"
  exec 4<>"$WORK/go"
  "${PYTHON_CALL[@]}" <"$WORK/go" 4>&- >"$WORK/advance" 2>"$WORK/error-ahead" &
  RECEIVING=$!
}
RECEIVING=''

let_receive() {
  local status
  printf 'go\n' >&4
  drop_receive
  status=$?
  [ "$status" -eq 0 ] || { printf '%s\n' "$(<"$WORK/error-ahead")" >"$WORK/error"; } 2>/dev/null
  return "$status"
}

# Without the word the helper ends by itself. Until it has ended nothing else may be done to the tree, nor the lock go.
drop_receive() {
  local status=0
  [ -n "$RECEIVING" ] || return 0
  exec 4>&-
  wait "$RECEIVING"
  status=$?
  while [ "$status" -gt 128 ] && kill -0 "$RECEIVING" 2>/dev/null; do # it was a signal that ended the waiting
    wait "$RECEIVING"
    status=$?
  done
  RECEIVING=''
  return "$status"
}

# finish_advance: completes what a killed run began. Sets BASE_OID when the tree stands on another commit than HEAD.
finish_advance() {
  local said=$WORK/finished status
  [ -e "$TREE/journal" ] || [ -L "$TREE/journal" ] || return 0
  require_python_for "an interrupted receive" || return
  : >"$said" || return "$EXIT_CANNOT_CREATE"
  [ ! -s "$TREE/put-back.json" ] || said=$TREE/put-back.said # it was no receive (settle_put_back)
  expect_branch_locks
  run_advance finish >>"$said" 2>"$WORK/error"
  status=$?
  expect_git_locks
  read_advance_lines "$(<"$said")"
  [ "$said" = "$WORK/finished" ] || forget_received_files
  case $status in
    0 | 4) return 0 ;;
    5)
      report_busy_index
      return
      ;;
  esac
  report_git_failure "finishing an interrupted receive"
  return "$EXIT_INTERNAL"
}

# Before the snapshot: a commit of a tree from which a write is still missing would take it out again.
carry_late_writes() {
  local out
  late_writes_wait && find_python || return 0
  out=$(run_advance late 2>"$WORK/error") || {
    report_git_failure "carrying over what was written late"
    return "$EXIT_INTERNAL"
  }
  read_advance_lines "$out"
}

# What an earlier receive could not bring in is tried again: the cause may have passed.
settle_incoming() {
  local line said=''
  [ -s "$TREE/unsettled" ] && [ ! -e "$TREE/journal" ] && find_python || return 0
  run_advance settle >"$WORK/settled" 2>"$WORK/error" || {
    report_git_failure "bringing in what had to wait"
    return "$EXIT_INTERNAL"
  }
  # What still waits is named with what is left out.
  while IFS= read -r line; do
    case $line in unsettled$'\t'*) ;; *) said+=$line$'\n' ;; esac
  done <"$WORK/settled"
  read_advance_lines "$said"
}

require_python_for() {
  find_python && return 0
  problem "$EXIT_SETUP" error "Python $PYTHON_FLOOR or newer is needed for $1, and is not to be found." \
    "Your own work is sent all the same. Install it, then: $(sync_command)"
  return "$EXIT_SETUP"
}

read_advance_lines() {
  local word path text # text of late-conflict: the copy that holds what was written
  while IFS=$'\t' read -r word path text; do
    case $word in
      swapped) note_received "$path" ;;
      merged) note_merged "$path" ;;
      late) note_fact "[INFO] Carried over: a program wrote to $path while it was being received." ;;
      late-conflict)
        problem "$EXIT_HELD" warn "$path: a program wrote to it while it was being received, and the other side wrote other text there." \
          "Its text is in $(quoted "$text"). Bring over what is missing, then: rm $(quoted "$text")"
        ;;
      own) name_machines_own "$path" ;;
      own-untracked) forget_machines_own "$path" ;;
      staged) note_fact "[INFO] Left as staged: somebody staged $path while this sync ran." ;;
      settled) note_fact "[INFO] Brought in: $path had been sent before, and could not be written then." ;;
      unsettled) problem "$EXIT_HELD" warn "$path: $text." "Nothing was overwritten. The next sync tries again, or says how to settle it." ;;
      damaged)
        problem "$EXIT_HELD" warn "A receive was cut off, and what it wrote down of itself is damaged: what came in so far may go out once more, as edits of this folder." \
          "What it had replaced is kept: $(quoted "$path"). Look at what this sync saved, then: rm -r $(quoted "$path")"
        ;;
      blocked) note_blocked ${BLOCKED[@]+"${BLOCKED[@]}"} "$path: $text" ;;
    esac
  done <<<"$1"
}

# Nothing came in: the work is on the remote already, the tree stays as it is until the cause is gone.
# An edit that came after the snapshot is first committed and merged as a commit: go round again.
stop_advance() {
  local since code=$EXIT_HELD all='' way='Move or rename what is in the way, then'
  case "${BLOCKED[*]}" in *' here'*)
    if [ $((ROUND - EXTRA_ROUNDS)) -le 3 ]; then
      note_blocked
      return 1
    fi
    ;;
  esac
  case "${BLOCKED[*]}" in *'edited here'* | *'deleted here'* | *'changed here'*)
    way='It completes once these edits are saved: a sync of everything, or a git commit of them, then'
    ;;
  esac
  read -r since 2>/dev/null <"$TREE/stopped" || since=$(epoch_now)
  name_holders
  printf '%s\n' "$since" ${BLOCKERS[@]+"${BLOCKERS[@]}"} >"$TREE/stopped"
  read_epoch
  if [ ${#BLOCKERS[@]} -eq ${#BLOCKED[@]} ]; then
    way='It completes when they save, or now' all=' --all'
    # They are at it: that is ordinary, until it has lasted for an hour.
    [ $((NOW - since)) -ge 3600 ] || code=$EXIT_OK
  fi
  [ ${#BLOCKED[@]} -le 10 ] || note_blocked "${BLOCKED[@]:0:10}" "and $((${#BLOCKED[@]} - 10)) more"
  problem "$code" warn "What the others sent is not in your folder yet (since $(clock_time "$since"))." "${BLOCKED[@]}" \
    "Nothing was overwritten. $way: $(sync_command)$all"
  explain_exit "$EXIT_HELD"
  return "$EXIT_HELD" # whatever it ends with: nothing came in, and the pairs still count
}

# BLOCKERS: id and path of each live session whose unsaved work stops the receive, one for each of BLOCKED; its prompt
# tells it (pylib/claudetools/sessions/events/news.py).
name_holders() {
  local item path holder id named=()
  BLOCKERS=()
  for item in ${BLOCKED[@]+"${BLOCKED[@]}"}; do
    for holder in ${HOLDERS[@]+"${HOLDERS[@]}"}; do
      path=${holder%%$'\t'*}
      case $item in "$path: "*) ;; *) continue ;; esac
      id=${holder#*$'\t'}
      item+=" (unsaved work of '${holder##*$'\t'}', live)"
      BLOCKERS+=("${id%%$'\t'*} $path")
      break
    done
    named+=("$item")
  done
  note_blocked ${named[@]+"${named[@]}"}
}

report_busy_index() {
  GIT_LOCK=$GIT_FOLDER/index.lock
  report_git_lock "The index cannot be changed"
}
