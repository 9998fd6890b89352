# shellcheck shell=bash
# When the split helper fails: nobody can tell whose each line is, but the shell can read which paths the ledgers name.
# Needs: repository, snapshot, split, results.
# Sets: SNAPSHOT_WHOLE SPLITS SPLIT_TREE.

# save_without_split WHY: one commit of what no other session at work here has named. The others' paths stay in the
# folder, also where the caller has changed them as well: that is told and is left out.
save_without_split() {
  local path held=() mine=() base=${BASE_OID:-$(empty_tree)}
  list_named_paths
  git -C "$TOP" diff-tree -r -z --no-renames --raw "$base" "$SNAPSHOT_TREE" >"$WORK/changes" 2>"$WORK/error" || {
    report_git_failure "git diff-tree"
    return "$EXIT_INTERNAL"
  }
  while IFS= read -r -d '' path && IFS= read -r -d '' path; do
    is_named_in "$WORK/named-by-others" "$path" || continue
    held+=("$path")
    ! is_named_in "$WORK/named-by-callers" "$path" || mine+=("$path")
  done <"$WORK/changes"
  if [ ${#held[@]} -eq 0 ]; then
    note_round "[WARN] Whose work is whose cannot be told ($1). Everything is in one commit."
    return 0
  fi
  leave_in_folder "${held[@]}" || return
  note_round "[WARN] Whose work is whose cannot be told ($1). $(count_of ${#held[@]} file) of sessions at work here $(are ${#held[@]}) left in the folder, the rest is in one commit. See: $(typed_command doctor)"
  for path in ${mine[@]+"${mine[@]}"}; do
    left_out "$path" "another session at work here has changed it too, and nobody can tell whose each line is" \
      "Send everybody's work: $(sync_command) --all"
  done
}

are() { if [ "$1" = 1 ]; then printf 'is'; else printf 'are'; fi; }

# The paths that ledgers name, as JSON writes them: of the callers, and of others that may be at work. With --all nobody
# is waited for.
list_named_paths() {
  local folder
  : >"$WORK/named-by-others"
  : >"$WORK/named-by-callers"
  for folder in "$TREE"/sessions/*/; do
    folder=${folder%/}
    if contains "${folder##*/}" ${CALLERS[@]+"${CALLERS[@]}"}; then
      print_named_paths "$folder" >>"$WORK/named-by-callers"
    elif [ "$WHOSE" != all ] && may_be_at_work "$folder"; then
      print_named_paths "$folder" >>"$WORK/named-by-others"
    fi
  done
}

print_named_paths() { sed -n 's/^{"v":[0-9]*,"path":"\(.*\)","before":.*/\1/p' "$1/edits.jsonl" 2>/dev/null; }

# Not ended, and active within half an hour: without the helper nobody asks whether its process still runs.
may_be_at_work() {
  grep -q '"ended": [1-9]' "$1/session.json" 2>/dev/null && return 1
  [ -z "$(find "$1/seen" -mmin +30 2>/dev/null)" ]
}

# A name that JSON writes in another way than the file system is taken for named where any such name is.
is_named_in() {
  case $2 in
    *[!\ -~]* | *[\"\\]*) grep -q '[\\]' "$1" ;;
    *) grep -qxF -e "$2" "$1" ;;
  esac
}

# leave_in_folder PATHS...: the one commit to be is the snapshot with these paths as the base has them.
leave_in_folder() {
  local path tree found=() index=$WORK/index.unsplit
  for path in "$@"; do found+=(":(literal)$path"); done
  rm -f "$index"
  {
    for path in "$@"; do printf '0 %s 0\t%s\0' 0000000000000000000000000000000000000000 "$path"; done
    [ -z "$BASE_OID" ] || git -C "$TOP" ls-tree -r -z --full-tree "$BASE_OID" -- ${found[@]+"${found[@]}"}
  } >"$WORK/unstage" && GIT_INDEX_FILE=$index git -C "$TOP" read-tree "$SNAPSHOT_TREE" 2>"$WORK/error" &&
    GIT_INDEX_FILE=$index git -C "$TOP" update-index -z --index-info <"$WORK/unstage" 2>"$WORK/error" &&
    tree=$(GIT_INDEX_FILE=$index git -C "$TOP" write-tree 2>"$WORK/error") || {
    report_git_failure "leaving others' work in the folder"
    return "$EXIT_INTERNAL"
  }
  SPLITS=("$tree ${SPLITS[0]#* }") SPLIT_TREE=$tree SNAPSHOT_WHOLE=''
}
