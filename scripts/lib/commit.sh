# shellcheck shell=bash
# From a snapshot to commits on the branch: objects first, then the shared index, then the branch.
# Needs: repository, identity, snapshot, deliver, report, lock.
# Sets: CHANGED CHANGE_KINDS COMMIT_OID HEAD_OID LOG_FILES LOG_PATH SAVED_ADDED SAVED_ARTICLES SAVED_FILES SAVED_KINDS
#   SAVED_REMOVED SUBJECT.

# read_changes OLD NEW: fills CHANGED (paths), CHANGE_KINDS (A, M, D, T), LINES_ADDED and LINES_REMOVED (- for binary).
read_changes() {
  local old=$1 new=$2
  git -C "$TOP" diff-tree -r -z --no-renames --raw --numstat "$old" "$new" >"$WORK/changes" 2>"$WORK/error" || {
    report_git_failure "git diff-tree"
    return "$EXIT_INTERNAL"
  }
  parse_changes <"$WORK/changes"
}

parse_changes() {
  local entry path
  CHANGED=() CHANGE_KINDS=() LINES_ADDED=() LINES_REMOVED=()
  while IFS= read -r -d '' entry; do
    case $entry in
      :*)
        IFS= read -r -d '' path
        CHANGED+=("$path")
        CHANGE_KINDS+=("${entry##* }")
        ;;
      *)
        LINES_ADDED+=("${entry%%$'\t'*}")
        entry=${entry#*$'\t'}
        LINES_REMOVED+=("${entry%%$'\t'*}")
        ;;
    esac
  done
}

# What the summary tells of CHANGED: files and lines, and which of them are articles of the wiki.
count_changes() {
  local i kind
  SAVED_FILES=${#CHANGED[@]} SAVED_ADDED=0 SAVED_REMOVED=0 SAVED_ARTICLES=0 SAVED_KINDS=''
  for ((i = 0; i < ${#LINES_ADDED[@]}; i++)); do
    case ${CHANGED[i]} in
      wiki/clients/*.md | wiki/projects/*.md | wiki/systems/*.md | wiki/patterns/*.md)
        kind=${CHANGED[i]#wiki/} kind=${kind%%/*} SAVED_ARTICLES=$((SAVED_ARTICLES + 1))
        case ", $SAVED_KINDS," in *", $kind,"*) ;; *) SAVED_KINDS+=${SAVED_KINDS:+, }$kind ;; esac
        ;;
    esac
    case ${LINES_ADDED[i]} in -) ;; *) SAVED_ADDED=$((SAVED_ADDED + LINES_ADDED[i])) SAVED_REMOVED=$((SAVED_REMOVED + LINES_REMOVED[i])) ;; esac
  done
}

# write_commit PARENT: COMMIT_TREE as a commit; sets COMMIT_OID. Trailers tell later runs whose it is.
write_commit() {
  compose_subject
  {
    printf '%s\n\n' "$SUBJECT"
    print_wished_subjects
    print_session_trailers
    printf 'Machine: %s\n' "$ID_MACHINE"
    [ -z "$LOG_PATH" ] || printf 'Log: %s\n' "$LOG_PATH"
    [ "$1" != "$COMMIT_PARENT" ] || print_acks # once, with the first of several
    print_request_trailers
  } >"$WORK/message"
  create_commit "$1"
}

# create_commit PARENT: COMMIT_TREE with the message in the work folder; sets COMMIT_OID.
create_commit() {
  local sign=() parent=()
  [ "$CONFIG_SIGN" != true ] || sign=(-S)
  [ -z "$1" ] || parent=(-p "$1")
  COMMIT_OID=$(exec git -C "$TOP" commit-tree ${sign[@]+"${sign[@]}"} ${parent[@]+"${parent[@]}"} -F "$WORK/message" "$COMMIT_TREE" 2>"$WORK/error") && return 0
  if [ "$CONFIG_SIGN" = true ]; then
    problem "$EXIT_SETUP" error "The commit cannot be signed (commit.gpgsign is on): $(visible "$(tail -n 1 "$WORK/error")")" \
      "Nothing was changed. Unlock the key for this session, or: git -C $(quoted "$TOP") config commit.gpgsign false"
    return "$EXIT_SETUP"
  fi
  report_git_failure "git commit-tree"
  return "$EXIT_INTERNAL"
}

# The one place where subjects are made. Sets SUBJECT.
compose_subject() {
  wished_subject
  SUBJECT=$WISH
  [ -z "$SUBJECT" ] || return 0
  name_area
  make_count ${#CHANGED[@]} file
  if [ -n "$COMMIT_TOPIC" ]; then
    SUBJECT="$AREA: $COMMIT_TOPIC"
  elif [ -n "$COMMIT_IDS" ]; then
    shorten_ids "$COMMIT_IDS"
    SUBJECT="$AREA: $COUNT edited (session $SHORT_IDS$(unless_saved))"
  else
    SUBJECT="$AREA: $COUNT edited outside a session"
  fi
}

# Sets AREA: clients/acme/... -> acme, projects/x/... -> x, wiki/... -> wiki; several: the repository's name.
name_area() {
  local path area='' this
  for path in "${CHANGED[@]}"; do
    case $path in
      clients/*/* | projects/*/*)
        this=${path#*/}
        this=${this%%/*}
        ;;
      wiki/*) this=wiki ;;
      *) this=${TOP##*/} ;;
    esac
    if [ -n "$area" ] && [ "$area" != "$this" ]; then
      area=${TOP##*/}
      break
    fi
    area=$this
  done
  make_visible "$area"
  AREA=$VISIBLE
}

# The session logs among the changes: LOG_PATH, the first one, for the trailer; LOG_FILES, lines for the summary.
find_log_in_changes() {
  local i word count=0
  LOG_PATH='' LOG_FILES=''
  for ((i = 0; i < ${#CHANGED[@]}; i++)); do
    case /${CHANGED[i]} in */session-logs/*.md) ;; *) continue ;; esac
    case ${CHANGED[i]} in *$'\n'*) continue ;; esac
    case ${CHANGE_KINDS[i]} in A) word=created ;; M) word=appended ;; *) continue ;; esac
    LOG_PATH=${LOG_PATH:-${CHANGED[i]}} count=$((count + 1))
    [ "$count" -le 5 ] || continue
    make_visible "${CHANGED[i]}"
    LOG_FILES+="File:   $VISIBLE (+${LINES_ADDED[i]} lines, $word)"$'\n'
  done
  [ "$count" -le 5 ] || LOG_FILES+="File:   and $((count - 5)) more logs"$'\n'
}

# land_commit: brings the commits MADE to the branch. Puts the committed blobs into the shared index, then moves the
# branch, once. In this order: with the branch first, a plain `git commit` in between would delete our new files and
# revert our edits.
# 0 done; 1 the branch moved meanwhile, go round again; else an exit code.
land_commit() {
  local status
  checkpoint commit
  require_lock || return
  still_on_branch || return 1
  lock_index || return
  checkpoint index-locked
  update_shared_index
  status=$?
  unlock_index
  [ "$status" -eq 0 ] || return "$status"
  checkpoint index
  note_written ${MADE[@]+"${MADE[@]%% *}"}
  [ -z "$FIXED_TREE" ] || note_standing "$TREE/landing.$COMMIT_OID" || return
  move_branch "$COMMIT_OID" "$HEAD_OID" || return
  note_landed_commits
  note_idle_commits
  HEAD_OID=$COMMIT_OID
  settle_base || return
  follow_staging || : # said
  checkpoint ref
}

# The lock file of the index is a link to our private index: after a crash that proves whose it is (recover.sh), and
# where the private index takes the place of the real one, a rename does both.
lock_index() {
  local began='' lock=$GIT_FOLDER/index.lock
  until ln "$SNAPSHOT_INDEX" "$lock" 2>/dev/null || [ "$lock" -ef "$SNAPSHOT_INDEX" ]; do
    read_clock
    if [ -z "$began" ]; then
      began=$NOW_MS GIT_LOCK=$lock
      read_git_lock_age
    fi
    if [ $((NOW_MS - began)) -ge 10000 ] || [ "${GIT_LOCK_AGE:-0}" -ge "$GIT_LOCK_STALE" ]; then
      report_busy_index
      return
    fi
    pause 20
  done
}

# Safe to call at any time. Only a link to our claim goes (index.py makes such), or to the private index, which is nobody's
# but whose the lock is.
unlock_index() {
  local lock=${GIT_FOLDER:-}/index.lock
  if [ "$lock" -ef "$LOCK_RECORD" ] || { [ "$lock" -ef "$WORK/index" ] && verify_lock; }; then rm -f "$lock"; fi
}

# Nobody changed the index since it was copied and everything in it is committed: the copy takes its place.
# Otherwise only the committed paths follow, and only where nobody staged something else meanwhile.
update_shared_index() {
  MOVED=()
  if [ -n "$SNAPSHOT_WHOLE" ] && { [ "$GIT_FOLDER/index" -ef "$WORK/seen" ] || [ ! -e "$GIT_FOLDER/index" ]; }; then
    # One and the same where a killed run got as far as here: then mv refuses.
    [ "$GIT_FOLDER/index" -ef "$SNAPSHOT_INDEX" ] && return 0
    mv "$GIT_FOLDER/index.lock" "$GIT_FOLDER/index" 2>"$WORK/error" && return 0
  else
    copy_committed_entries && return 0
  fi
  report_git_failure "updating the index"
  return "$EXIT_INTERNAL"
}

copy_committed_entries() {
  local new=$WORK/index.shared entry path rest
  rm -f "$new" "$new.lock" "$WORK/index.landed"
  [ ! -e "$GIT_FOLDER/index" ] || cp -p "$GIT_FOLDER/index" "$new" 2>"$WORK/error" || return
  if [ ! "$GIT_FOLDER/index" -ef "$WORK/seen" ]; then find_moved_entries "$WORK/seen" "$new" || return; fi
  git -C "$TOP" diff-tree -r -z --no-renames --raw "${HEAD_OID:-$(empty_tree)}" "$COMMIT_TREE" >"$WORK/committed" 2>"$WORK/error" || return
  while IFS= read -r -d '' entry && IFS= read -r -d '' path; do
    contains "$path" ${MOVED[@]+"${MOVED[@]}"} && continue
    rest=${entry#* }   # newmode oldoid newoid kind
    entry=${rest#* * } # newoid kind
    printf '%s %s 0\t%s\0' "${rest%% *}" "${entry% *}" "$path"
  done <"$WORK/committed" >"$WORK/entries"
  GIT_INDEX_FILE=$new git -C "$TOP" update-index -z --index-info <"$WORK/entries" 2>"$WORK/error" || return
  GIT_INDEX_FILE=$new git -C "$TOP" update-index -q --refresh >/dev/null 2>&1
  ln "$new" "$WORK/index.landed" 2>"$WORK/error" && mv "$new" "$GIT_FOLDER/index" 2>"$WORK/error"
}

# Somebody staged or unstaged while this sync ran, on top of what was committed before: with the branch moved, a plain
# commit of that would take our change out again. What was staged stays staged, now on top of the new commit. The index
# is as we left it while it is the file that update_shared_index put there: git never writes into one in place.
follow_staging() {
  local out index=$GIT_FOLDER/index
  if [ ${#MOVED[@]} -eq 0 ]; then
    if [ "$index" -ef "$SNAPSHOT_INDEX" ] || [ "$index" -ef "$WORK/index.landed" ]; then return 0; fi
  fi
  find_python || return 0
  out=$(run_advance index --base "${COMMIT_PARENT:-$(empty_tree)}" --new "$COMMIT_OID" 2>"$WORK/error") || {
    problem "$EXIT_HELD" warn "What somebody staged while this sync ran may take out what was just saved: $(visible "$(tail -n 1 "$WORK/error")")" \
      "See it: $(git_here) diff --cached     Unstage it, the files stay: $(git_here) reset -q"
    return "$EXIT_HELD"
  }
  read_advance_lines "$out"
}

# MOVED: paths whose entries differ between two index files. Both lists are in git's order: one walk over both.
find_moved_entries() {
  local before=() now=() entry i=0 j=0 one other
  GIT_INDEX_FILE=$1 git -C "$TOP" ls-files -s -z >"$WORK/entries.before" 2>"$WORK/error" &&
    GIT_INDEX_FILE=$2 git -C "$TOP" ls-files -s -z >"$WORK/entries.now" 2>"$WORK/error" || return
  while IFS= read -r -d '' entry; do before+=("$entry"); done <"$WORK/entries.before"
  while IFS= read -r -d '' entry; do now+=("$entry"); done <"$WORK/entries.now"
  while [ "$i" -lt "${#before[@]}" ] || [ "$j" -lt "${#now[@]}" ]; do
    one=${before[i]-} other=${now[j]-}
    if [ "$one" = "$other" ]; then
      i=$((i + 1)) j=$((j + 1))
    elif [ -z "$other" ] || { [ -n "$one" ] && [[ ${one#*$'\t'} < ${other#*$'\t'} ]]; }; then
      MOVED+=("${one#*$'\t'}")
      i=$((i + 1))
    else
      MOVED+=("${other#*$'\t'}")
      j=$((j + 1))
    fi
  done
}

contains() {
  local wanted=$1 item
  shift
  for item in "$@"; do [ "$item" = "$wanted" ] && return 0; done
  return 1
}

# move_branch NEW OLD: compare-and-swap, together with the restore point. 1 when somebody else moved it first.
move_branch() {
  local new=$1 old=${2:-} point=$1 status
  [ -n "$old" ] || old=$(zero_oid)
  if [ "$SPLIT_TREE" != "$SNAPSHOT_TREE" ]; then
    point=$(git -C "$TOP" commit-tree "$SNAPSHOT_TREE" -p "$new" -m "With unsaved work" 2>"$WORK/error") || point=$new
  fi
  make_stamp
  expect_branch_locks
  hold_by_stdout git -C "$TOP" update-ref -m "sync: commit" --stdin 2>"$WORK/error" \
    <<<"update refs/heads/$BRANCH $new $old"$'\n'"update refs/claudetools/points/$STAMP-${point:0:4} $point"
  status=$?
  expect_git_locks
  [ "$status" -ne 0 ] || return 0
  case $(<"$WORK/error") in
    *'cannot lock ref'*'but expected'* | *'reference already exists'* | *'unable to resolve'*) return 1 ;;
  esac
  if find_git_lock "$(<"$WORK/error")" && outwait_git_lock; then return 1; fi # another git has moved it meanwhile
  report_git_failure "git update-ref"
  return "$EXIT_INTERNAL"
}

zero_oid() {
  case ${#COMMIT_OID} in
    64) printf '%064d' 0 ;;
    *) printf '%040d' 0 ;;
  esac
}
