# shellcheck shell=bash
# Which rule looks at which path of a change. Names are judged at once, contents are read later, all together.
# Needs: all the rules, contents. MERGED_IN ("//a//b//") are paths that a merge brings; SESSION is who commits. LOGS gets
# the logs that are new or changed, TEXTS the others, SEAL_PATHS what may have to be encrypted.
# Sets: LOGS RULE_FIX RULE_TEXT SEAL_PATHS TEXTS.

# judge_changes GIT-COMMAND...: which paths are new or changed, by `git GIT-COMMAND` in raw form, NUL between its parts.
judge_changes() {
  local entry path kind gone=' ' added=() i
  LOGS=() SEAL_PATHS=() TEXTS=()
  while IFS= read -r -d '' entry && IFS= read -r -d '' path; do
    kind=${entry##* }
    entry=${entry#:* * }
    case $kind in
      A)
        added+=("${entry#* }" "$path")
        ! may_hold_secrets "$path" || TEXTS+=("$path")
        ;;
      D)
        gone+="${entry%% *} "
        ! is_convention "$path" || SEAL_PATHS+=('' "$path")
        continue
        ;;
      *)
        judge_changed_path "$path"
        ! may_hold_secrets "$path" || TEXTS+=("$path")
        ;;
    esac
    ! may_be_sealed "$path" || SEAL_PATHS+=('' "$path")
  done < <(git "$@")
  for ((i = 0; i < ${#added[@]}; i += 2)); do
    case $MERGED_IN in *"//${added[i + 1]}//"*) continue ;; esac
    # The same content under another name (log adopt, a move) is not new.
    case $gone in *" ${added[i]% A} "*) judge_new_path "${added[i + 1]}" moved ;; *) judge_new_path "${added[i + 1]}" '' "${added[i]% A}" ;; esac
  done
}

judge_new_path() {
  local path=$1
  if is_machines_own "$path"; then
    report_machines_own "$path"
  elif is_path_cruft "$path" || is_garbled_path "$path"; then
    RULE_TEXT='is a Windows path used as a file name' RULE_FIX="Take it out: git rm --cached -- $(quoted "$path")"
    report_broken "$path"
  elif ! check_added_name "$path"; then
    RULE_FIX=${RULE_FIX/#Rename it: mv --/Rename it: git mv --}
    report_broken "$path"
  elif [ -z "${2:-}" ] && is_secret "$path" "${3:-}"; then
    RULE_TEXT='looks like a secret' RULE_FIX="Take it out: git rm --cached -- $(quoted "$path")"
    report_broken "$path"
  elif is_log "$path" && [ -z "${2:-}" ]; then
    want_content "$path" log
    LOGS+=("$path")
  fi
}

# judge_secrets REPORT WHERE BASE: over TEXTS, but for what `git config claudetools.allow` names.
judge_secrets() {
  local report=$1 i allowed
  find_secrets "$2" "$3" "${TEXTS[@]}" || die "$EXIT_INTERNAL" "git grep failed while looking for credentials."
  [ ${#SECRETS[@]} -gt 0 ] || return 0
  for ((i = 0; i < ${#SECRETS[@]}; i += 2)); do
    while IFS= read -r -d '' allowed; do
      case ${SECRETS[i]} in "$allowed" | "$allowed"/*) continue 2 ;; esac
    done < <(git config -z --get-all claudetools.allow)
    describe_secrets "${SECRETS[@]:i:2}"
    "$report" "${SECRETS[i]}"
  done
}

report_machines_own() {
  RULE_TEXT='belongs to one machine alone, and goes into no commit' RULE_FIX="Untrack it: $(untrack_command "$1")"
  report_broken "$1"
}

judge_changed_path() {
  if is_machines_own "$1"; then
    report_machines_own "$1"
  elif is_log "$1"; then
    [ -z "$SESSION" ] || want_content "$1" owner "$SESSION"
    LOGS+=("$1")
  fi
}
