# shellcheck shell=bash
# Rule, for who asks for it: where a log tells of credentials it names paths of the vault, no values.
# `git config claudetools.credentials` is inline (anything goes), vault (values are told) or block (they are held back).
# Needs: log-name, python.
# Sets: PLAIN RULE_FIX RULE_TEXT.

# find_plain_credentials BASE PATH...: PLAIN gets path and lines ("12, 14") of each log that has values in the index
# which BASE does not have. What cannot be looked at has some ("?").
find_plain_credentials() {
  local base=$1 path lines
  shift
  PLAIN=()
  [ $# -gt 0 ] || return 0
  while IFS= read -r -d '' path && IFS= read -r -d '' lines; do PLAIN+=("$path" "$lines"); done < <(
    find_python && printf '%s\0' "$@" | run_python credentials --top "$TOP" --base "$base" 2>/dev/null || printf '%s\0?\0' "$@"
  )
}

# describe_plain PATH LINES: sets RULE_TEXT and RULE_FIX.
describe_plain() {
  local first=${2%%,*}
  case $2 in
    '?') RULE_TEXT='cannot be searched for credentials' first=LINE ;;
    *,*) RULE_TEXT="holds credentials in plain text, in lines $2" ;;
    *) RULE_TEXT="holds a credential in plain text, in line $2" ;;
  esac
  RULE_FIX="Into the vault: $(tools_command) vault put $(quoted "$1:$first") NAME"
}
