# shellcheck shell=bash
# What the tree holds now, as a git tree, read once and without touching anything that others use.
# Needs: repository, gates, checks, times, ui.
# Sets: GLANCE HEAD_BRANCH HEAD_OID LOCK_SCRATCH SNAPSHOT_INDEX SNAPSHOT_TREE SNAPSHOT_WHOLE TICKS_LEFT.

# read_status: sets HEAD_OID ('' when there is no commit yet), HEAD_BRANCH, and fills the table of changes. Status is read
# into a file: a pipe would hide its failure.
read_status() {
  local entry
  HEAD_OID='' HEAD_BRANCH=''
  begin_changes
  if [ ${#GLANCE[@]} -eq 0 ]; then
    read_with_git "$WORK/status" status --porcelain=v2 --branch -z -uall --no-renames --ignore-submodules=dirty 2>"$WORK/error" || {
      report_unread_status
      return
    }
    while IFS= read -r -d '' entry; do GLANCE+=("$entry"); done <"$WORK/status"
  fi
  for entry in ${GLANCE[@]+"${GLANCE[@]}"}; do take_status_entry "$entry"; done
  GLANCE=()
}

report_unread_status() {
  if [ -r "$GIT_FOLDER/index" ] || [ ! -e "$GIT_FOLDER/index" ]; then
    report_git_failure "git status"
    return "$EXIT_INTERNAL"
  fi
  problem "$EXIT_CANNOT_CREATE" error "The index of this repository cannot be read: permission denied. Was git run with sudo?" \
    "Nothing was changed. Take it back: sudo chown $(quoted "$(id -un)") $(quoted "$GIT_FOLDER/index")"
  return "$EXIT_CANNOT_CREATE"
}

take_status_entry() {
  local entry=$1 path xy
  case $entry in
    '# branch.oid (initial)') ;;
    '# branch.oid '*) HEAD_OID=${entry#\# branch.oid } ;;
    '# branch.head '*) HEAD_BRANCH=${entry#\# branch.head } ;;
    '1 '*)
      path=${entry#* * * * * * * * }
      is_wanted "$path" || return 0
      xy=${entry:2:2}
      case $xy${entry:5:1} in
        ?DS) ;; # a submodule that is not checked out here; to take it out there is git rm
        ?D?) add_change gone "$path" ;;
        D.?) add_change unstaged "$path" ;; # taken out of the index by somebody: the copied index says so already
        A* | ?A?) add_change new "$path" ;;
        *) add_change changed "$path" ;;
      esac
      ;;
    'u '*) add_change unmerged "${entry#* * * * * * * * * * }" ;;
    '? '*)
      path=${entry#\? }
      is_wanted "$path" || return 0
      add_change new "$path"
      ;;
  esac
}

# read_with_git OUT ARGS...: git maps files into memory, and is killed by SIGBUS when somebody cuts one off meanwhile.
read_with_git() {
  local out=$1 try status
  shift
  for ((try = 1; try <= 10; try++)); do
    git -C "$TOP" "$@" >"$out"
    status=$?
    [ "$status" -gt 128 ] || break
    pause 20
  done
  return "$status"
}

# Only the paths that the caller asked for, when it asked for some.
is_wanted() {
  local path=$1 wanted
  [ ${#WANTED[@]} -gt 0 ] || return 0
  for wanted in "${WANTED[@]}"; do
    case $path in "$wanted" | "$wanted"/*) return 0 ;; esac
    [ "$wanted" = . ] && return 0
  done
  return 1
}

# take_snapshot: sets SNAPSHOT_TREE, the tree that a commit of everything that may go out would have, and CHANGES (see
# read_changes). What is held keeps what the base has. SNAPSHOT_WHOLE is 1 while the private index may become the real one.
take_snapshot() {
  SNAPSHOT_INDEX=$WORK/index SNAPSHOT_WHOLE=1
  hold_back_unsafe_paths || return
  seed_private_index || return
  stage_paths || return
  hold_broken_contents || return
  settle_moves || return
  hold_mass_deletion
  unstage_held_paths || return
  SNAPSHOT_TREE=$(GIT_INDEX_FILE=$SNAPSHOT_INDEX exec git -C "$TOP" write-tree 2>"$WORK/error") || {
    report_git_failure "git write-tree"
    return "$EXIT_INTERNAL"
  }
}

# The private index starts as a second link to the real one, so that clean files are not read again, and nothing is
# copied: git replaces an index and never writes into it. `seen` is a third one that stays: -ef tells later whether the
# real one changed. Linux gives no link to a file of another user (fs.protected_hardlinks), such as the index that
# `sudo git status` leaves: that one is copied, and the new index is ours again.
seed_private_index() {
  # Left by a run that was killed; a program saved where nothing is.
  if [ -e "$SNAPSHOT_INDEX" ] || [ -e "$SNAPSHOT_INDEX.lock" ] || [ -e "$WORK/seen" ]; then
    rm -f "$SNAPSHOT_INDEX" "$SNAPSHOT_INDEX.lock" "$WORK/seen" || return
  fi
  LOCK_SCRATCH=("$SNAPSHOT_INDEX" "$WORK/seen")
  [ -e "$GIT_FOLDER/index" ] || return 0
  { ln "$GIT_FOLDER/index" "$WORK/seen" || { [ ! -O "$GIT_FOLDER/index" ] && cp -p "$GIT_FOLDER/index" "$WORK/seen"; }; } 2>"$WORK/error" &&
    ln "$WORK/seen" "$SNAPSHOT_INDEX" 2>"$WORK/error" && return 0
  report_git_failure "copying the index"
  return "$EXIT_INTERNAL"
}

# Reads every changed file once, and those that moved meanwhile once more.
stage_paths() {
  : >"$WORK/reading" || return "$EXIT_CANNOT_CREATE"
  drop_gone_paths && list_staged || return
  [ ${#LISTED[@]} -gt 0 ] || return 0
  update_private_index || return
  TICKS_LEFT=44
  list_changes staged # what cannot be read is out of it
  find_touched "$WORK/reading" "$TOP/" ${LISTED[@]+"${LISTED[@]}"}
  [ ${#TOUCHED[@]} -eq 0 ] || reread_moving_paths "${TOUCHED[@]}"
}

drop_gone_paths() {
  local path zero=0000000000000000000000000000000000000000
  list_changes gone
  [ ${#LISTED[@]} -gt 0 ] || return 0
  for path in "${LISTED[@]}"; do printf '0 %s 0\t%s\0' "$zero" "$path"; done >"$WORK/gone"
  GIT_INDEX_FILE=$SNAPSHOT_INDEX git -C "$TOP" update-index -z --index-info <"$WORK/gone" 2>"$WORK/error" && return 0
  report_git_failure "git update-index"
  return "$EXIT_INTERNAL"
}

# $WORK/paths: what is to be read from the tree.
list_staged() {
  list_changes staged
  { [ ${#LISTED[@]} -eq 0 ] || printf '%s\0' "${LISTED[@]}"; } >"$WORK/paths"
}

# One unreadable file must not stop the others: it is held back, and the rest is tried again.
update_private_index() {
  local path
  until stage_listed_paths; do
    path=${SAID##*Unable to process path }
    case $SAID in
      *'short read while indexing'*)
        # Cut off while git read it: somebody is writing.
        is_staged "$path" && hold_for_later "$path" && list_staged || return "$EXIT_INTERNAL"
        continue
        ;;
    esac
    if is_disk_failure "$SAID" || [ "$path" = "$SAID" ] || ! hold_unreadable_paths "$path" "$SAID"; then
      report_git_failure "git update-index" "${SAID%%$'\n'*}"
      return "$EXIT_INTERNAL"
    fi
    list_staged || return
  done
}

# Sets SAID, git's words. Its standard input is a file, which has to be opened anew for another try.
stage_listed_paths() {
  local try status
  for ((try = 1; try <= 10; try++)); do
    SAID=$(GIT_INDEX_FILE=$SNAPSHOT_INDEX exec git -C "$TOP" update-index -z --add --remove --replace --stdin <"$WORK/paths" 2>&1)
    status=$?
    [ "$status" -gt 128 ] || break
    rm -f "$SNAPSHOT_INDEX.lock"
    pause 20
  done
  return "$status"
}

# hold_unreadable_paths NAMED WHY: every file that may not be read, at once; when all of them may, the one git named.
hold_unreadable_paths() {
  local named=$1 why=$2 path found=''
  why=${why%%$'\n'*}
  list_changes staged
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    [ -e "$TOP/$path" ] && [ ! -L "$TOP/$path" ] && [ ! -r "$TOP/$path" ] || continue
    hold "$path" "cannot be read: permission denied" "Look at it: ls -l $(near "$path")"
    found=1
  done
  [ -z "$found" ] || return 0
  is_staged "$named" && hold "$named" "cannot be read: $(visible "${why#error: }")" "Look at it: ls -l $(near "$named")"
}
PATHS_AT=0

# A file that somebody writes right now is taken once it stands still, or when it only grows; else it waits.
reread_moving_paths() {
  local path
  printf '%s\0' "$@" >"$WORK/paths"
  update_private_index || return
  for path in "$@"; do
    { [ -f "$TOP/$path" ] && [ ! -L "$TOP/$path" ]; } || continue
    read_until_calm "$path" || hold_for_later "$path"
  done
  rm -f "$WORK/read" "$WORK/old" "$WORK/calm" "$WORK/dated"
}

# 1 when it neither stands still for a moment nor grows. Growth is more than a beginning of what is there now: a
# program that truncates and writes anew shows that too. What the base has must be the beginning of both.
read_until_calm() {
  local path=$1 try
  git -C "$TOP" cat-file --filters "${BASE_OID:-none}:$path" >"$WORK/old" 2>/dev/null || : >"$WORK/old"
  for ((try = 1; try <= 5; try++)); do
    touch -r "$TOP/$path" "$WORK/dated" 2>/dev/null || return 1
    git -C "$TOP" cat-file --filters --path="$path" "$(staged_oid "$path")" >"$WORK/read" 2>/dev/null || return 1
    : >"$WORK/calm"
    pause 20
    # Cut off: a program that truncates and writes anew may be held up just there.
    [ ! -s "$WORK/old" ] || ! begins_with "$WORK/old" "$WORK/read" || pause 200
    # The same bytes twice are not enough: a file that is often rewritten is often empty.
    { [ "$TOP/$path" -ot "$WORK/calm" ] || is_dated_ahead "$path"; } && cmp -s "$WORK/read" "$TOP/$path" && return 0
    [ -s "$WORK/read" ] && begins_with "$TOP/$path" "$WORK/read" && begins_with "$WORK/read" "$WORK/old" && return 0
    wait_for_next_tick "$path"
    printf '%s\0' "$path" >"$WORK/paths"
    update_private_index || return
  done
  return 1
}

# Its date lies in the future, which no later moment reaches, and did not change while the file was read.
is_dated_ahead() { [ "$TOP/$1" -nt "$WORK/calm" ] && [ ! "$TOP/$1" -nt "$WORK/dated" ] && [ ! "$TOP/$1" -ot "$WORK/dated" ]; }

staged_oid() {
  local entry
  entry=$(GIT_INDEX_FILE=$SNAPSHOT_INDEX git -C "$TOP" ls-files -s -- ":(literal)$1")
  entry=${entry#* }
  printf '%s' "${entry%% *}"
}

begins_with() { # begins_with FILE BEGINNING
  cmp -s "$2" "$1" && return 0
  case $(cmp "$2" "$1" 2>&1) in *'EOF on'*"$2"*) return 0 ;; esac
  return 1
}

# What is held back goes into the snapshot as the base has it, so that the commit neither adds nor deletes it.
# Only paths that somebody staged differ from the base in the copied index.
unstage_held_paths() {
  local path list=() line found seen
  list_changes unsent
  list=(${LISTED[@]+"${LISTED[@]}"})
  [ ${#list[@]} -gt 0 ] || [ ${#WANTED[@]} -gt 0 ] || return 0
  if [ ${#WANTED[@]} -gt 0 ]; then
    # Of a partial sync, everything else stays as the base has it, staged or not.
    GIT_INDEX_FILE=$SNAPSHOT_INDEX git -C "$TOP" diff-index --cached --name-only -z "${BASE_OID:-$(empty_tree)}" \
      >"$WORK/staged" 2>"$WORK/error" || {
      report_git_failure "git diff-index"
      return "$EXIT_INTERNAL"
    }
    while IFS= read -r -d '' line; do
      is_wanted "$line" || list+=("$line")
    done <"$WORK/staged"
  fi
  [ ${#list[@]} -gt 0 ] || return 0
  SNAPSHOT_WHOLE=''
  {
    for path in "${list[@]}"; do printf '0 %s 0\t%s\0' 0000000000000000000000000000000000000000 "$path"; done
    if [ -n "$BASE_OID" ]; then
      for ((seen = 0; seen < ${#list[@]}; seen += 200)); do
        found=()
        for path in "${list[@]:seen:200}"; do found+=(":(literal)$path"); done
        # Without its answer these paths would be deleted.
        git -C "$TOP" ls-tree -r -z --full-tree "$BASE_OID" -- "${found[@]}" || break
      done
      [ "$seen" -ge ${#list[@]} ]
    fi
  } >"$WORK/unstage" 2>"$WORK/error" &&
    GIT_INDEX_FILE=$SNAPSHOT_INDEX git -C "$TOP" update-index -z --index-info <"$WORK/unstage" 2>"$WORK/error" && return 0
  report_git_failure "leaving out what was held back"
  return "$EXIT_INTERNAL"
}

empty_tree() {
  case ${#HEAD_OID} in
    64) printf '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321' ;;
    *) printf '4b825dc642cb6eb9a060e54bf8d69288fbee4904' ;;
  esac
}
