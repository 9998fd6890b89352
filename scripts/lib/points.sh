# shellcheck shell=bash
# Restore points: every state of the tree that a sync saw, kept for 14 days as refs/claudetools/points/<time>.
# Needs: repository, snapshot, advance, report.
# Sets: TOLD_JSON.

readonly POINT_DAYS=14

list_points() {
  local line
  git -C "$TOP" for-each-ref --format='%(refname:lstrip=3) %(objectname:short) %(subject)' refs/claudetools/points \
    >"$WORK/points" 2>"$WORK/error" || return
  if [ -n "$JSON" ]; then
    points_as_json
    return
  fi
  [ -s "$WORK/points" ] || {
    say "No restore points yet. Every sync that saves something makes one."
    return 0
  }
  while IFS= read -r line; do
    say "${line%% *}  $(visible "${line#* }")"
  done <"$WORK/points"
}

points_as_json() { # sets TOLD_JSON
  local line rest comma=''
  TOLD_JSON='{"points": ['
  while IFS= read -r line; do
    rest=${line#* }
    TOLD_JSON+="$comma{\"time\": \"${line%% *}\", \"commit\": \"${rest%% *}\", \"subject\": $(json_string "${rest#* }")}"
    comma=', '
  done <"$WORK/points"
  TOLD_JSON+=']}'
}

# restore_path PATH@TIME: brings one file (or a folder) back as it was at the last point not younger than TIME.
restore_path() {
  local path=${1%@*} time=${1##*@} point name oid tree
  case $1 in *@?*) ;; *) die "$EXIT_USAGE" "--restore takes PATH@TIME, for example notes.md@20261122T1400" "See the times: $(sync_command) --points" ;; esac
  path_from_top "$PREFIX" "$path" && path=$FROM_TOP
  forget_left_out # what a save would leave out is no matter of a restore
  point=''
  git -C "$TOP" for-each-ref --sort=refname --format='%(refname:lstrip=3) %(objectname)' refs/claudetools/points \
    >"$WORK/points" 2>"$WORK/error" || return
  while read -r name oid; do
    # Part of a time means its end: with 20261122T14 everything up to 14:59:59.
    if [[ ! $name > $time ]] || [[ $name == "$time"* ]]; then point=$oid; fi
  done <"$WORK/points"
  [ -n "$point" ] || {
    problem "$EXIT_HELD" error "There is no restore point at or before $(visible "$time")." "See them: $(sync_command) --points"
    return "$EXIT_HELD"
  }
  git -C "$TOP" ls-tree -r -z --full-tree "$point" -- ":(literal)$path" >"$WORK/restore" 2>"$WORK/error" || return
  [ -s "$WORK/restore" ] || {
    problem "$EXIT_HELD" error "$(visible "$path") was not there at that time." "See them: $(sync_command) --points"
    return "$EXIT_HELD"
  }
  if [ -n "$DRY_RUN" ]; then
    tell_restore "$point" "$path"
    return
  fi
  tree=$(tree_with_restored) || return "$EXIT_INTERNAL"
  put_back "$tree" "$path"
}

# tell_restore POINT PATH: the difference between the files as they are and as they would be.
tell_restore() {
  local line count
  git -C "$TOP" diff --no-ext-diff --no-textconv --no-color --no-renames --diff-filter=AMT "$SNAPSHOT_TREE" "$1" -- ":(literal)$2" \
    >"$WORK/restore-diff" 2>"$WORK/error" || return
  count=$(grep -c '^diff --git ' "$WORK/restore-diff")
  note_fact "Would restore $(visible "$2"): $(count_of "$count" file) would change. Nothing was changed."
  while IFS= read -r line; do note_fact "  $(visible "$line")"; done <"$WORK/restore-diff"
}

# The tree as it is now, as a commit (a restore point of its own: the restore can be undone), and with the old files.
tree_with_restored() {
  local now tree
  now=$(git -C "$TOP" commit-tree "$SNAPSHOT_TREE" ${HEAD_OID:+-p "$HEAD_OID"} -m "Before a restore" 2>"$WORK/error") || return
  git -C "$TOP" update-ref "refs/claudetools/points/$(utc_stamp)-${now:0:4}" "$now" 2>"$WORK/error" || return
  GIT_INDEX_FILE=$SNAPSHOT_INDEX git -C "$TOP" update-index -z --index-info <"$WORK/restore" 2>"$WORK/error" &&
    tree=$(GIT_INDEX_FILE=$SNAPSHOT_INDEX git -C "$TOP" write-tree 2>"$WORK/error") || return
  printf '%s ' "$now"
  git -C "$TOP" commit-tree "$tree" -p "$now" -m "Restored" 2>"$WORK/error"
}

put_back() {
  local now=${1% *} restored=${1#* } path=$2 out
  require_python_for "restoring files" || return
  out=$(run_advance begin --base "$now" --new "$restored" 2>"$WORK/error") || {
    read_advance_lines "$out"
    problem "$EXIT_HELD" error "$(visible "$path") could not be restored: ${BLOCKED[0]:-$(visible "$(<"$WORK/error")")}" "Nothing was changed."
    return "$EXIT_HELD"
  }
  read_advance_lines "$out"
  note_fact "[OK] Restored $(visible "$path"): $(count_of "$RECEIVED_FILES" file) changed. Not committed; the next sync saves it."
  forget_received_files
}

# Once a day: points older than two weeks go, and quarantine folders are never touched.
prune_points() {
  local name oldest
  is_first_save_of_day || return 0
  { printf '%s\n' $((NOW / 86400)) >"$STATE/pruned"; } 2>/dev/null || return 0
  oldest=$(stamp_of $((NOW - POINT_DAYS * 86400))) || return 0
  expect_git_locks "$COMMON/packed-refs.lock"
  while IFS= read -r name; do
    [[ ${name##*/} < $oldest ]] && printf 'delete %s\n' "$name"
  done < <(git -C "$TOP" for-each-ref --format='%(refname)' refs/claudetools/points) | hold_by_stdout git -C "$TOP" update-ref --stdin 2>/dev/null
  expect_git_locks
}

is_first_save_of_day() {
  local last=''
  read_epoch
  read -r last 2>/dev/null <"$STATE/pruned"
  [ "$last" != $((NOW / 86400)) ]
}

stamp_of() { # stamp_of EPOCH
  if [ "${BASH_VERSINFO[0]}${BASH_VERSINFO[1]}" -ge 42 ]; then
    TZ=UTC0 printf '%(%Y%m%dT%H%M%SZ)T\n' "$1"
  else
    date -u -r "$1" +%Y%m%dT%H%M%SZ 2>/dev/null
  fi
}
