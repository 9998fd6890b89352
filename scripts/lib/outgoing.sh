# shellcheck shell=bash
# Commits made by plain git pass no gate of ours: they are looked at before they are pushed.
# What breaks a rule is set aside like a commit that the remote refuses (refusal.sh); the rest goes.
# Needs: repository, gates, results.
# Sets: RULE_FIX SEAL_PATHS STRIPPED UNSAFE WRITTEN.

# find_unsafe_commits: UNSAFE gets commit and path of each file that may not go out, in pairs; the path is '' where a later
# commit mended it, so that their sum may go; STRIPPED commit and path of what belongs to this machine. Nothing to do for the
# usual push, whose only commit was checked as a snapshot.
find_unsafe_commits() {
  UNSAFE=() STRIPPED=() ADDED=() ADDED_BLOBS=() ADDED_KINDS=() OUTGOING_GONE=() WRITTEN=none
  [ "$TIP" != "$SEEN" ] && [ -n "$TIP" ] || return 0
  [ "$SEEN" != "$COMMIT_PARENT" ] || [ "$TIP" != "$COMMIT_OID" ] || return 0
  [ "$RELATED" != "$SEEN $HEAD_OID" ] || [ -n "$AHEAD_PLAIN$RESOLVED" ] || return 0
  list_plain_commits || return
  [ -s "$WORK/plain" ] || return 0
  # A merge counts with what none of its parents has.
  git -C "$TOP" diff-tree --stdin --root -c -r -z --raw --no-abbrev --no-renames <"$WORK/plain" >"$WORK/added" 2>"$WORK/error" || {
    report_git_failure "git diff-tree"
    return "$EXIT_INTERNAL"
  }
  begin_contents
  read_plain_commits
  judge_added_files || return
  judge_outgoing_seals
}

# $WORK/plain: the commits on their way out that no sync has written. What a message says of its commit proves nothing:
# `git commit --amend` keeps it.
list_plain_commits() {
  local oid
  git -C "$TOP" rev-list --topo-order --reverse "$TIP" ${SEEN:+"^$SEEN"} >"$WORK/outgoing" 2>"$WORK/error" || {
    report_git_failure "git rev-list"
    return "$EXIT_INTERNAL"
  }
  note_rewritten
  while IFS= read -r oid; do
    was_written_here "$oid" || printf '%s\n' "$oid"
  done <"$WORK/outgoing" >"$WORK/plain"
}

# was_written_here OID: a sync of this tree has made this commit out of files that it had looked at.
was_written_here() {
  [ "$WRITTEN" != none ] || read_written
  case $WRITTEN in *" $1 "*) return 0 ;; esac
  return 1
}

# WRITTEN: all of $TREE/written, kept until it has reached the remote.
read_written() {
  local oid
  WRITTEN=' '
  while IFS= read -r oid; do WRITTEN+="$oid "; done 2>/dev/null <"$TREE/written"
}

# What a sync has written is that still after a replay has given it another name; not what a person has resolved.
note_rewritten() {
  local pair
  [ -z "$RESOLVED" ] || return 0
  for pair in ${REPLAYED_PAIRS[@]+"${REPLAYED_PAIRS[@]}"}; do
    ! was_written_here "${pair%% *}" || was_written_here "${pair#* }" || note_written "${pair#* }"
  done
}

note_written() {
  WRITTEN=none
  { printf '%s\n' "$@" >>"$TREE/written"; } 2>/dev/null || : # then it is looked at once more
}

# What is on the remote need not be known any more; and the vault has its branch (choose_branch).
note_exchanged() {
  [ "$TIP" != "$SEEN" ] || [ ! -s "$TREE/written" ] || : >"$TREE/written"
  [ "$ROLE" != vault ] || [ -e "$TREE/branch" ] || keep_record "$TREE/branch" "$BRANCH"
}

# fetch_before_parting OLD: where nothing is left to be pushed, no lost race would tell that the remote has moved, and no
# failed push that it cannot be reached. 1 when it has moved: go round again.
fetch_before_parting() {
  [ $((${#UNSAFE[@]} + ${#STRIPPED[@]})) -gt 0 ] && [ -z "$FRESH" ] || return 0
  fetch_remote || return
  [ "$SEEN" != "$1" ] || return 0
  forget_left_out "$LEFT_BEFORE"
  return 1
}

# Sets ADDED (commit and path in pairs, new or changed), ADDED_BLOBS and ADDED_KINDS (new, changed), OUTGOING_GONE and
# SEAL_PATHS.
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
    ! { may_be_sealed "$path" || is_convention "$path"; } || SEAL_PATHS+=("$commit" "$path")
    case $entry in ::*) ;; *' D')
      is_allowed "$path" || judge_deleted_file "$commit" "$path"
      OUTGOING_GONE+=("$path")
      continue
      ;;
    esac
    ! is_allowed "$path" || continue
    take_outgoing_entry "$entry" "$commit" "$path"
  done <"$WORK/added"
}

# It goes on without the path: nothing of it is on the remote yet (refused.py).
strip_machines_own() {
  STRIPPED+=("$1" "$2")
  note_fact "[INFO] Taken out of ${1:0:7} before it was sent: $(visible "$2") belongs to this machine alone."
}

# A merge shows modes and ids of each parent, then its own: `::old old new  old old new  kinds`.
take_outgoing_entry() {
  local entry=$1 parents words
  read -r -a words <<<"$entry"
  parents=${entry%%[!:]*} parents=${#parents}
  case ${words[parents]} in
    000000) return 0 ;;
    160000)
      ! is_vault_path "$3" || is_on_vault_remote "${words[2 * parents + 1]}" ||
        name_unsafe_file "$2" "$3" "the vault's remote does not have its commit" "Send the vault first: $(sync_command) $(vault_option)"
      return 0
      ;;
  esac
  ADDED+=("$2" "$3")
  ADDED_BLOBS+=("${words[2 * parents + 1]}")
  case ${words[${#words[@]} - 1]} in *[!A]*) ADDED_KINDS+=(changed) ;; *) ADDED_KINDS+=(new) ;; esac
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
    judge_added_file "${ADDED[i * 2]}" "${ADDED[i * 2 + 1]}" "${sizes[i]:-0}" "${ADDED_BLOBS[i]}" "${ADDED_KINDS[i]}"
  done
  local ID_USER='' # somebody else's log may be carried over by a person
  check_contents judge_added_content "$TIP"
  [ "$ROLE" = vault ] || judge_outgoing_secrets
}

# Each commit by itself: what one of them shows stays in the history, whatever a later one does.
judge_outgoing_secrets() {
  local i j commit='' paths=()
  for ((i = 0; i <= ${#ADDED_BLOBS[@]}; i++)); do
    if [ "$i" -eq ${#ADDED_BLOBS[@]} ] || [ "${ADDED[i * 2]}" != "$commit" ]; then
      [ ${#paths[@]} -eq 0 ] || find_secrets "$commit" "$SEEN" "${paths[@]}" || {
        problem "$EXIT_INTERNAL" error "git grep failed while looking for credentials." "Nothing was pushed; run sync again."
        return "$EXIT_INTERNAL"
      }
      if [ ${#paths[@]} -gt 0 ]; then name_outgoing_secrets "$commit" ${SECRETS[@]+"${SECRETS[@]}"}; fi
      [ "$i" -lt ${#ADDED_BLOBS[@]} ] || return 0
      commit=${ADDED[i * 2]} paths=()
    fi
    case $MOVED_BLOBS in *" ${ADDED_BLOBS[i]} "*) ;; *) ! may_hold_secrets "${ADDED[i * 2 + 1]}" || paths+=("${ADDED[i * 2 + 1]}") ;; esac
  done
}

# name_outgoing_secrets COMMIT [PATH PLACES]...
name_outgoing_secrets() {
  local commit=$1 i tip
  shift
  local told=("$@")
  for ((i = 0; i < ${#told[@]}; i += 2)); do
    describe_secrets "${told[@]:i:2}"
    tip=1
    [ "$commit" = "$TIP" ] || { find_secrets "$TIP" "$SEEN" "${told[i]}" && [ ${#SECRETS[@]} -gt 0 ]; } || tip=''
    name_shown "$commit" "${told[i]}" "$tip"
  done
}

# MOVED_BLOBS: what the remote has under names that are deleted. Under another name it is no news.
find_moved_blobs() {
  local i path specs entry
  MOVED_BLOBS=' '
  [ -n "$SEEN" ] || return 0
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

# Names are judged where they are new. The first push brings a past with it, whose names are as they are.
judge_added_file() {
  local commit=$1 path=$2 size=$3 blob=$4 kind=$5 moved='' why
  [ -n "$SEEN" ] || kind=past
  case $MOVED_BLOBS in *" $blob "*) moved=1 ;; esac
  if [ "$kind" = new ] && { is_path_cruft "$path" || is_garbled_path "$path"; }; then
    why='is a Windows path used as a file name'
  elif [ "$kind" = new ] && ! check_name "$path"; then
    name_unsafe_file "$commit" "$path" "$RULE_TEXT" "Rename it: $(git_here) ${RULE_FIX#Rename it: }, then: $(sync_command)"
    return 0
  elif [ -n "$moved" ]; then
    return 0
  elif is_secret "$path" "$blob"; then
    why='looks like a secret'
  elif [ "$size" -gt $((CONFIG_LIMIT_MB * 1024 * 1024)) ] 2>/dev/null; then
    why="is larger than $CONFIG_LIMIT_MB MB"
  elif [ "$kind" != new ]; then
    return 0
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
judge_outgoing_seals() {
  [ ${#SEAL_PATHS[@]} -gt 0 ] || [ "$ROLE" = vault ] || return 0
  judge_seals name_unsealed --commits "$WORK/plain" --base "$SEEN" --tip "$TIP" --every "$(is_vault)"
}

name_unsealed() {
  local commit=$1 path=$2
  ! is_allowed "$path" || return 0
  describe_unsealed "$path" "$3"
  name_shown "$commit" "$path" "$4"
}

# name_shown COMMIT PATH STILL: COMMIT shows what it may not (RULE_TEXT, RULE_FIX); STILL is '' where a later one mended it.
name_shown() {
  [ -n "$3" ] || RULE_FIX="It is in order now, and that commit still shows it. Make one commit of what waits: $(git_here) reset --soft ${SEEN:-$1}, then: $(sync_command)"
  name_unsafe_file "$1" "$2" "$RULE_TEXT" "$RULE_FIX" shown
  [ -n "$3" ] || UNSAFE[${#UNSAFE[@]} - 1]=''
}

name_unsafe_file() {
  local commit=$1 path=$2 why=$3 fix
  fix="Take it out: $(git_here) rm --cached -- $(quoted "$path"), then: $(sync_command)"
  UNSAFE+=("$commit" "$path")
  left_out "$path" "${5:-added} by commit ${commit:0:7}; $why" "The commit waits here, the others go. ${4:-$fix}" %allow
}
