# shellcheck shell=bash
# Commits made by plain git pass no gate of ours: they are looked at before they are pushed.
# What breaks a rule is set aside like a commit that the remote refuses (refusal.sh); the rest goes.
# Needs: repository, gates, results.

# find_unsafe_commits: UNSAFE gets commit and path of each file that may not go out, in pairs; the path is '' where a later
# commit mended it, so that their sum may go; STRIPPED commit and path of what belongs to this machine. Nothing to do for the
# usual push, whose only commit was checked as a snapshot.
find_unsafe_commits() {
  UNSAFE=() STRIPPED=() ADDED=() ADDED_BLOBS=() SEALED=() SHOWN=() OUTGOING_GONE=()
  [ -n "$SEEN" ] && [ "$TIP" != "$SEEN" ] || return 0
  [ "$SEEN" != "$COMMIT_PARENT" ] || [ "$TIP" != "$COMMIT_OID" ] || return 0
  [ "$RELATED" != "$SEEN $HEAD_OID" ] || [ -n "$AHEAD_PLAIN" ] || return 0
  git -C "$TOP" rev-list --no-merges --invert-grep --grep='^Machine: ' "$SEEN..$TIP" >"$WORK/plain" 2>"$WORK/error" || {
    report_git_failure "git rev-list"
    return "$EXIT_INTERNAL"
  }
  [ -s "$WORK/plain" ] || return 0
  git -C "$TOP" diff-tree --stdin --root -r -z --raw --no-abbrev --no-renames --diff-filter=ADMT <"$WORK/plain" >"$WORK/added" 2>"$WORK/error" || {
    report_git_failure "git diff-tree"
    return "$EXIT_INTERNAL"
  }
  begin_contents
  read_plain_commits
  judge_added_files || return
  judge_shown_files
}

# Sets ADDED (commit and path in pairs), ADDED_BLOBS, OUTGOING_GONE (paths that are deleted), and SEALED: commit, path and
# seal of each file, new or changed, that has to be encrypted.
read_plain_commits() {
  local entry commit='' path
  while IFS= read -r -d '' entry; do
    case $entry in
      :*) IFS= read -r -d '' path ;;
      *)
        commit=${entry%$'\n'}
        continue
        ;;
    esac
    if is_machines_own "$path"; then
      case $entry in *D) ;; *) strip_machines_own "$commit" "$path" ;; esac
      continue
    fi
    ! is_allowed "$path" || continue
    entry=${entry#:* * }
    case $entry in
      *D)
        OUTGOING_GONE+=("$path")
        judge_deleted_file "$commit" "$path"
        continue
        ;;
      *A)
        ADDED+=("$commit" "$path")
        entry=${entry#* }
        ADDED_BLOBS+=("${entry% *}")
        ;;
    esac
    ! find_seal "$path" || SEALED+=("$commit" "$path" "$SEAL")
  done <"$WORK/added"
}

# It goes on without the path: nothing of it is on the remote yet (refused.py).
strip_machines_own() {
  STRIPPED+=("$1" "$2")
  note_fact "[INFO] Taken out of ${1:0:7} before it was sent: $(visible "$2") belongs to this machine alone."
}

judge_added_files() {
  local size sizes=() i
  [ ${#ADDED_BLOBS[@]} -gt 0 ] || return 0
  find_moved_blobs || return
  printf '%s\n' "${ADDED_BLOBS[@]}" | git -C "$TOP" cat-file --batch-check='%(objectsize)' >"$WORK/sizes" 2>"$WORK/error" || {
    report_git_failure "git cat-file"
    return "$EXIT_INTERNAL"
  }
  while IFS= read -r size; do sizes+=("$size"); done <"$WORK/sizes"
  for ((i = 0; i < ${#ADDED_BLOBS[@]}; i++)); do
    judge_added_file "${ADDED[i * 2]}" "${ADDED[i * 2 + 1]}" "${sizes[i]:-0}" "${ADDED_BLOBS[i]}"
  done
  local ID_USER='' # somebody else's log may be carried over by a person
  check_contents judge_added_content "$TIP"
}

# MOVED_BLOBS: what the remote has under names that are deleted. Under another name it is no news.
find_moved_blobs() {
  local i path specs entry
  MOVED_BLOBS=' '
  for ((i = 0; i < ${#OUTGOING_GONE[@]}; i += 200)); do
    specs=()
    for path in "${OUTGOING_GONE[@]:i:200}"; do specs+=(":(literal)$path"); done
    git -C "$TOP" ls-tree -r -z --full-tree "$SEEN" -- "${specs[@]}" >"$WORK/moved-blobs" 2>"$WORK/error" || {
      report_git_failure "git ls-tree"
      return "$EXIT_INTERNAL"
    }
    while IFS= read -r -d '' entry; do
      entry=${entry%%$'\t'*}
      MOVED_BLOBS+="${entry##* } "
    done <"$WORK/moved-blobs"
  done
}

judge_added_file() {
  local commit=$1 path=$2 size=$3 moved='' why
  case $MOVED_BLOBS in *" $4 "*) moved=1 ;; esac
  if is_path_cruft "$path"; then
    why='is a Windows path used as a file name'
  elif [ -n "$moved" ]; then
    return 0
  elif is_secret "$path"; then
    why='looks like a secret'
  elif [ "$size" -gt $((CONFIG_LIMIT_MB * 1024 * 1024)) ] 2>/dev/null; then
    why="is larger than $CONFIG_LIMIT_MB MB"
  elif ! check_added_name "$path"; then
    why=$RULE_TEXT
  else
    ! is_log "$path" || want_content "$path" log
    return 0
  fi
  name_unsafe_file "$commit" "$path" "$why"
}

# A plain commit that deletes a file whose new name was left out (settle_moves) waits with it.
judge_deleted_file() {
  local i
  for ((i = 0; i < ${#MOVED_AWAY[@]}; i += 2)); do
    [ "${MOVED_AWAY[i]}" != "$2" ] || name_unsafe_file "$1" "$2" "$(visible "${MOVED_AWAY[i + 1]}"), which is left out, looks like its new name" \
      "It goes when that does." deleted
  done
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

# What a commit shows of a vault stays in the history, whatever a later one does: each is looked at by itself. Where TIP
# has the file encrypted again, or no more, the commits may go as one.
judge_shown_files() {
  local i
  for ((i = 0; i < ${#SEALED[@]}; i += 3)); do
    SHOWN_BY=${SEALED[i]}
    want_content "${SEALED[i + 1]}" seal "${SEALED[i + 2]}"
    [ "${SEALED[i + 3]:-}" = "$SHOWN_BY" ] || check_contents note_shown "$SHOWN_BY"
  done
  [ ${#SHOWN[@]} -gt 0 ] || return 0
  STILL_SHOWN=''
  for ((i = 0; i < ${#SHOWN[@]}; i += 4)); do
    if find_seal "${SHOWN[i + 1]}" && git -C "$TOP" cat-file -e "$TIP:${SHOWN[i + 1]}" 2>/dev/null; then
      want_content "${SHOWN[i + 1]}" seal "$SEAL"
    fi
  done
  check_contents note_still_shown "$TIP"
  for ((i = 0; i < ${#SHOWN[@]}; i += 4)); do
    name_unsafe_file "${SHOWN[i]}" "${SHOWN[i + 1]}" "${SHOWN[i + 2]}" "${SHOWN[i + 3]}" shown
    case $STILL_SHOWN in *"//${SHOWN[i + 1]}//"*) ;; *) UNSAFE[${#UNSAFE[@]} - 1]='' ;; esac
  done
}

note_shown() { SHOWN+=("$SHOWN_BY" "$1" "$RULE_TEXT" "$RULE_FIX"); }
note_still_shown() { STILL_SHOWN+="//$1//"; }

name_unsafe_file() {
  local commit=$1 path=$2 why=$3 fix
  fix="Take it out: $(git_here) rm --cached -- $(quoted "$path"), then: $(sync_command)"
  UNSAFE+=("$commit" "$path")
  left_out "$path" "${5:-added} by commit ${commit:0:7}; $why" "The commit waits here, the others go. ${4:-$fix}" "$(allow_hint "$path")"
}
