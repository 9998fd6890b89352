# shellcheck shell=bash
# The rules of hooks/checks, loaded as functions: a sync starts no program for them, but one git grep where there are
# logs or vault files to be read.
# Needs: ui, identity.

for part in machines-own log-name path-cruft log-text vault-plain contents credentials; do
  # shellcheck source=/dev/null
  . "$TOOLKIT/hooks/checks/$part.sh" || return 70
done

# check_added_name PATH: 1 when PATH may not be added, with RULE_TEXT (why) and RULE_FIX (the command that settles it).
check_added_name() { check_log_name "$1"; }

# hold_broken_contents: what is staged in the private index and breaks a rule by its content is held back.
hold_broken_contents() {
  local path
  begin_contents
  for path in ${PATHS[@]+"${PATHS[@]}"}; do
    if find_seal "$path"; then
      is_allowed "$path" || want_content "$path" seal "$SEAL"
    fi
  done
  for path in ${NEW_PATHS[@]+"${NEW_PATHS[@]}"}; do
    if is_log "$path" && ! is_allowed "$path" && ! is_refused "$path"; then want_content "$path" log; fi
  done
  local -x GIT_INDEX_FILE=$SNAPSHOT_INDEX
  [ ${#CONTENT_PATHS[@]} -eq 0 ] || check_contents hold_broken --cached
  [ "$CONFIG_CREDENTIALS" = inline ] || judge_credentials
}

judge_credentials() {
  local path i logs=()
  for path in ${PATHS[@]+"${PATHS[@]}"}; do
    if is_log "$path" && ! is_allowed "$path" && ! is_refused "$path"; then logs+=("$path"); fi
  done
  find_plain_credentials "$BASE_OID" ${logs[@]+"${logs[@]}"}
  for ((i = 0; i < ${#PLAIN[@]}; i += 2)); do
    path=${PLAIN[i]}
    describe_plain "$path" "${PLAIN[i + 1]}"
    if [ "$CONFIG_CREDENTIALS" = block ]; then
      hold_broken "$path"
    elif ! is_moved_log "$path"; then
      tell_credentials "$path"
    fi
  done
}

# Once: the next round of this sync finds the same lines.
tell_credentials() {
  local text
  text="[WARN] $(visible "$1") $RULE_TEXT. $RULE_FIX"
  contains "$text" ${FACTS[@]+"${FACTS[@]}"} || note_fact "$text"
}

begin_contents() {
  CONTENT_PATHS=() CONTENT_TASKS=() CONTENT_GIT=(-C "$TOP") CONVENTIONS=$TOP
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
    contains "$path" ${NEW_PATHS[@]+"${NEW_PATHS[@]}"} || want_content "$path" owner "${COMMIT_IDS//,/ }"
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
    forget_path "$path" || continue
    hold "$path" "${FOREIGN_WHY[i]}" "${FOREIGN_FIX[i]}" "$(allow_hint "$path")"
  done
}

hold_broken() {
  forget_path "$1" || return 0
  find_seal "$1" || may_move "$1" # what has to be encrypted is no less plain for having been so before
  hold "$1" "$RULE_TEXT" "$RULE_FIX" "$(allow_hint "$1")"
}

# A log from before under another name (log adopt) is not new: its content is that of one that is gone.
is_moved_log() {
  local gone entry specs=() mine
  for gone in ${GONE[@]+"${GONE[@]}"} ${UNSTAGED[@]+"${UNSTAGED[@]}"}; do
    ! is_log "$gone" || specs+=(":(literal)$gone")
  done
  [ ${#specs[@]} -gt 0 ] && [ -n "$BASE_OID" ] || return 1
  mine=$(staged_oid "$1")
  while IFS= read -r -d '' entry; do
    case $entry in *" $mine"$'\t'*) return 0 ;; esac
  done < <(git -C "$TOP" ls-tree -r -z --full-tree "$BASE_OID" -- "${specs[@]}")
  return 1
}
