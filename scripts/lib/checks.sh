# shellcheck shell=bash
# The rules of hooks/checks, loaded as functions: a sync starts no program for them, but one git grep where there are
# logs to be read, and Python where files may have to be encrypted.
# Needs: ui, identity, python.
# Sets: CONTENT_GIT CONTENT_PATHS CONTENT_TASKS CONVENTIONS FOREIGN_FIX FOREIGN_LOGS FOREIGN_WHY SEALS_SAVED SEAL_PATHS.

for part in machines-own log-name names path-cruft log-text vault-plain contents credentials secret-names secrets; do
  # shellcheck source=/dev/null
  . "$TOOLKIT/hooks/checks/$part.sh" || return 70
done

# check_added_name PATH: 1 when PATH may not be added, with RULE_TEXT (why) and RULE_FIX (the command that settles it).
check_added_name() { check_log_name "$1" && check_name "$1"; }

# hold_broken_contents: what is staged in the private index and breaks a rule by its content is held back.
hold_broken_contents() {
  local path
  begin_contents
  list_changes new
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    if is_log "$path" && ! is_allowed "$path"; then want_content "$path" log; fi
  done
  local -x GIT_INDEX_FILE=$SNAPSHOT_INDEX
  [ ${#CONTENT_PATHS[@]} -eq 0 ] || check_contents hold_broken --cached
  hold_unsealed
  [ "$CONFIG_CREDENTIALS" = inline ] || judge_credentials
  [ "$ROLE" = vault ] || hold_secrets
}

# A vault has conventions of its own (hold_unsealed).
hold_secrets() {
  local path i paths=()
  list_changes staged
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    ! may_hold_secrets "$path" || is_allowed "$path" || paths+=("$path")
  done
  [ ${#paths[@]} -gt 0 ] || return 0
  find_secrets --cached "$BASE_OID" "${paths[@]}" || {
    problem "$EXIT_INTERNAL" error "git grep failed while looking for credentials." "Nothing was committed or pushed; run sync again."
    return "$EXIT_INTERNAL"
  }
  for ((i = 0; i < ${#SECRETS[@]}; i += 2)); do
    describe_secrets "${SECRETS[@]:i:2}"
    hold_broken "${SECRETS[i]}"
  done
}

# What has to be encrypted and is not. In the vault every file is looked at: what was encrypted there stays so.
hold_unsealed() {
  local path
  list_changes staged
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    ! may_be_sealed "$path" || SEAL_PATHS+=('' "$path")
  done
  list_changes deleted
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    ! is_convention "$path" || SEAL_PATHS+=('' "$path")
  done
  [ ${#SEAL_PATHS[@]} -gt 0 ] || [ "$ROLE" = vault ] || return 0
  SEALS_SAVED=1
  judge_seals hold_one_unsealed --index 1 --base "$BASE_OID" --every "$(is_vault)"
}

is_vault() { [ "${ROLE:-main}" = main ] || printf 1; }

hold_one_unsealed() {
  local path=$2
  ! is_allowed "$path" || return 0
  describe_unsealed "$path" "$3"
  case $3 in
    outside) tell_once "[WARN] $(visible "$path") $RULE_TEXT. $RULE_FIX" ;;
    unmarked)
      is_deleted "$path" || return 0
      hold "$path" "$RULE_TEXT" "$RULE_FIX" %allow
      ;;
    *)
      forget_movable "$path" # it is no less plain under a new name
      ! is_staged "$path" || hold "$path" "$RULE_TEXT" "$RULE_FIX" %allow
      ;;
  esac
}

judge_credentials() {
  local path i logs=()
  list_changes staged
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    if is_log "$path" && ! is_allowed "$path"; then logs+=("$path"); fi
  done
  find_plain_credentials "$BASE_OID" ${logs[@]+"${logs[@]}"}
  for ((i = 0; i < ${#PLAIN[@]}; i += 2)); do
    path=${PLAIN[i]}
    describe_plain "$path" "${PLAIN[i + 1]}"
    if [ "$CONFIG_CREDENTIALS" = block ]; then
      hold_broken "$path"
    elif ! is_moved_log "$path"; then
      tell_once "[WARN] $(visible "$path") $RULE_TEXT. $RULE_FIX"
    fi
  done
}

# The next round of this sync finds the same.
tell_once() { contains "$1" ${FACTS[@]+"${FACTS[@]}"} || note_fact "$1"; }

begin_contents() {
  CONTENT_PATHS=() CONTENT_TASKS=() CONTENT_GIT=(-C "$TOP") CONVENTIONS=$TOP SEAL_PATHS=()
  unset SEAL_FOLDER
}

# find_foreign_logs: 1 when the commit that is being made (COMMIT_IDS, COMMIT_TREE) changes another session's log. The
# next round leaves those out. Only logs that HEAD has: a new one may still be put in order by whoever is asked to.
find_foreign_logs() {
  local i path before=${#FOREIGN_LOGS[@]}
  [ -n "$COMMIT_IDS" ] && has_sessions || return 0
  begin_contents
  for ((i = 0; i < ${#CHANGED[@]}; i++)); do
    path=${CHANGED[i]}
    [ "${CHANGE_KINDS[i]}" = M ] && is_log "$path" && ! is_allowed "$path" || continue
    is_new "$path" || want_content "$path" owner "${COMMIT_IDS//,/ }"
  done
  check_contents note_foreign_log "$COMMIT_TREE"
  [ ${#FOREIGN_LOGS[@]} -eq "$before" ]
}

note_foreign_log() {
  FOREIGN_LOGS+=("$1")
  if is_own_commit; then
    FOREIGN_WHY+=("$RULE_TEXT") FOREIGN_FIX+=("$RULE_FIX")
  else
    shorten_ids "$COMMIT_IDS"
    FOREIGN_WHY+=("'${COMMIT_TOPIC:-session $SHORT_IDS}' changed it, and it is another session's log")
    FOREIGN_FIX+=("See what: git -C $(quoted "$TOP") diff HEAD -- $(quoted "$1")")
  fi
}

# The whole file stays: of a log that several have changed, none of it goes before a person has looked.
hold_foreign_logs() {
  local i path
  for ((i = 0; i < ${#FOREIGN_LOGS[@]}; i++)); do
    path=${FOREIGN_LOGS[i]}
    is_staged "$path" || continue
    hold "$path" "${FOREIGN_WHY[i]}" "${FOREIGN_FIX[i]}" %allow
  done
}

hold_broken() {
  is_staged "$1" || return 0
  may_move "$1"
  hold "$1" "$RULE_TEXT" "$RULE_FIX" %allow
}

# A log from before under another name (log adopt) is not new: its content is that of one that is gone.
is_moved_log() {
  local gone entry specs=() mine
  list_changes deleted
  for gone in ${LISTED[@]+"${LISTED[@]}"}; do
    ! is_log "$gone" || specs+=(":(literal)$gone")
  done
  [ ${#specs[@]} -gt 0 ] && [ -n "$BASE_OID" ] || return 1
  mine=$(staged_oid "$1")
  while IFS= read -r -d '' entry; do
    case $entry in *" $mine"$'\t'*) return 0 ;; esac
  done < <(git -C "$TOP" ls-tree -r -z --full-tree "$BASE_OID" -- "${specs[@]}")
  return 1
}
