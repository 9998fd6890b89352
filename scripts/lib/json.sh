# shellcheck shell=bash
# A sync's result as one JSON object: the same facts as the text, nothing computed anew.
# Needs: results, deliver, ui.
# Sets: JSON_PARTS.

print_json() {
  say "$(compose_json)"
  [ -n "$UNSAID" ] || use_up_notes
}

compose_json() {
  local part comma=''
  printf '{"exit": %s, "notes": [' "$RUN_EXIT"
  for part in ${NOTES_JSON[@]+"${NOTES_JSON[@]}"}; do
    printf '%s%s' "$comma" "$part"
    comma=', '
  done
  printf ']'
  case ${#VAULT_PARTS[@]} in
    0) ;;
    1) JSON_PARTS+=("\"vault\": ${VAULT_PARTS[0]}") ;;
    *) JSON_PARTS+=("\"vaults\": [$(join_parts "${VAULT_PARTS[@]}")]") ;;
  esac
  for part in ${JSON_PARTS[@]+"${JSON_PARTS[@]}"}; do printf ', %s' "$part"; done
  printf '}\n'
}

join_parts() {
  local part comma=''
  for part in "$@"; do
    printf '%s%s' "$comma" "$part"
    comma=', '
  done
}

json_list() { # json_list ITEMS...: of texts
  local item comma=''
  printf '['
  for item in "$@"; do
    printf '%s' "$comma"
    json_string "$item"
    comma=', '
  done
  printf ']'
}

# json_message TEXT: what it says, and the lines below: mostly the commands that settle it.
json_message() {
  local text line more=()
  {
    IFS= read -r text
    while IFS= read -r line; do more+=("$line"); done
  } <<<"$1"
  printf '"text": %s, "more": %s' "$(json_string "$text")" "$(json_list ${more[@]+"${more[@]}"})"
}

# One repository as an object. The same facts as the text, nothing computed anew.
json_repository() {
  local item level comma='' i
  repository_word
  printf '{"path": %s, "exit": %s, "status": "%s"' "$(json_string "$TOP")" "$REPO_EXIT" "$WORD"
  printf ', "branch": %s, "remote": %s, "head": "%s"' "$(json_string "$BRANCH")" "$(json_string "$REMOTE")" "$HEAD_OID"
  printf ', "pushed": %s, "dry_run": %s, "commits": [' "$([ -n "$PUSHED" ] && echo true || echo false)" \
    "$([ -n "$DRY_RUN" ] && echo true || echo false)"
  for item in ${COMMITS[@]+"${COMMITS[@]}"}; do
    printf '%s{"oid": "%s", "subject": %s}' "$comma" "${item%% *}" "$(json_string "${item#* }")"
    comma=', '
  done
  printf '], "log": %s, "articles": %s' "$([ -n "$LOG_PATH" ] && json_string "$LOG_PATH" || echo null)" "$SAVED_ARTICLES"
  printf ', "received": {"commits": %s, "files": %s, "from": %s}' "$RECEIVED_COMMITS" "$RECEIVED_FILES" "$(json_string "$RECEIVED_FROM")"
  waiting_paths "$SESSION"
  printf ', "waiting": %s' "$(json_list ${WAITING[@]+"${WAITING[@]}"})"
  comma=''
  printf ', "left_out": ['
  for item in ${LEFT_OUT[@]+"${LEFT_OUT[@]}"}; do
    printf '%s{%s}' "$comma" "$(json_message "$item")"
    comma=', '
  done
  comma=''
  printf '], "problems": ['
  for item in ${PROBLEMS[@]+"${PROBLEMS[@]}"}; do
    level=${item%%$'\n'*}
    printf '%s{"level": "%s", %s}' "$comma" "${level#* }" "$(json_message "${item#*$'\n'}")"
    comma=', '
  done
  printf ']'
  printf ', "facts": %s, "ms": {' "$(json_list ${FACTS[@]+"${FACTS[@]}"})"
  comma=''
  for ((i = 0; i < ${#PHASE_NAMES[@]}; i++)); do
    printf '%s"%s": %s' "$comma" "${PHASE_NAMES[i]}" "${PHASE_MS[i]}"
    comma=', '
  done
  printf '}}'
}
