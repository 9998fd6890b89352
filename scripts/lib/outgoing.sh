# shellcheck shell=bash
# Commits made by plain git pass no gate of ours: they are looked at before they are pushed.
# What breaks a rule is set aside like a commit that the remote refuses (refusal.sh); the rest goes.
# Needs: repository, gates, results.

# find_unsafe_commits: UNSAFE gets commit and path of each added file that may not go out, in pairs. Nothing to do for
# the usual push, whose only commit was checked as a snapshot.
find_unsafe_commits() {
  local entry commit='' path sizes=() i
  UNSAFE=() ADDED=() ADDED_BLOBS=() OUTGOING_GONE=' '
  [ -n "$SEEN" ] && [ "$TIP" != "$SEEN" ] || return 0
  [ "$SEEN" != "$COMMIT_PARENT" ] || [ "$TIP" != "$COMMIT_OID" ] || return 0
  [ "$RELATED" != "$SEEN $HEAD_OID" ] || [ -n "$AHEAD_PLAIN" ] || return 0
  git -C "$TOP" rev-list --no-merges --invert-grep --grep='^Machine: ' "$SEEN..$TIP" >"$WORK/plain" 2>/dev/null
  [ -s "$WORK/plain" ] || return 0
  git -C "$TOP" diff-tree --stdin --root -r -z --raw --no-abbrev --no-renames --diff-filter=AD <"$WORK/plain" >"$WORK/added" 2>"$WORK/error" || {
    report_git_failure "git diff-tree"
    return "$EXIT_INTERNAL"
  }
  while IFS= read -r -d '' entry; do
    case $entry in
      :*)
        IFS= read -r -d '' path
        is_allowed "$path" && continue
        entry=${entry#:* * }
        case $entry in
          *D) OUTGOING_GONE+="${entry%% *} " ;;
          *)
            ADDED+=("$commit" "$path")
            entry=${entry#* }
            ADDED_BLOBS+=("${entry% *}")
            ;;
        esac
        ;;
      *) commit=${entry%$'\n'} ;;
    esac
  done <"$WORK/added"
  [ ${#ADDED_BLOBS[@]} -gt 0 ] || return 0
  while IFS= read -r entry; do sizes+=("$entry"); done < <(printf '%s\n' "${ADDED_BLOBS[@]}" | git -C "$TOP" cat-file --batch-check='%(objectsize)')
  begin_contents
  for ((i = 0; i < ${#ADDED_BLOBS[@]}; i++)); do
    judge_added_file "${ADDED[i * 2]}" "${ADDED[i * 2 + 1]}" "${sizes[i]:-0}" "${ADDED_BLOBS[i]}"
  done
  local ID_USER='' # somebody else's log may be carried over by a person
  check_contents judge_added_content "$TIP"
}

judge_added_file() {
  local commit=$1 path=$2 size=$3 why
  if is_path_cruft "$path"; then
    why='is a Windows path used as a file name'
  elif is_secret "$path"; then
    why='looks like a secret'
  elif [ "$size" -gt $((CONFIG_LIMIT_MB * 1024 * 1024)) ] 2>/dev/null; then
    why="is larger than $CONFIG_LIMIT_MB MB"
  elif ! check_added_name "$path"; then
    why=$RULE_TEXT
  else
    # The same content under another name (log adopt) is not new.
    case $OUTGOING_GONE in *" $4 "*) ;; *) want_new_content "$path" ;; esac
    return 0
  fi
  name_unsafe_file "$commit" "$path" "$why"
}

# What a later commit took out again has no content at TIP to be judged.
judge_added_content() {
  local i
  git -C "$TOP" cat-file -e "$TIP:$1" 2>/dev/null || return 0
  for ((i = 0; i < ${#ADDED[@]}; i += 2)); do
    if [ "${ADDED[i + 1]}" = "$1" ]; then
      name_unsafe_file "${ADDED[i]}" "$1" "$RULE_TEXT" "$RULE_FIX"
      return 0
    fi
  done
}

name_unsafe_file() {
  local commit=$1 path=$2 why=$3 fix
  fix="Take it out: git rm --cached -- $(quoted "$path"), then: $(sync_command)"
  UNSAFE+=("$commit" "$path")
  left_out "$path" "added by commit ${commit:0:7}; $why" "The commit waits here, the others go. ${4:-$fix}" "$(allow_hint "$path")"
}
