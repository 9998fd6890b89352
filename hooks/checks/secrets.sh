# shellcheck shell=bash
# Rule: no new line of a text file holds a credential. One git grep finds the files that may have some; what is one is
# decided in one place, pylib/claudetools/text/detector.py. What the base has anywhere is no news, and is not held.
# Needs: log-name, python.
# Sets: RULE_FIX RULE_TEXT SECRETS.

# may_hold_secrets PATH: 1 for what other rules judge, or where values stand on purpose: logs, and what is made of them.
may_hold_secrets() {
  case $1 in wiki/*) [ "${CONFIG_CREDENTIALS:-inline}" != inline ] ;; .claude/claudetools*) return 1 ;; *) ! is_log "$1" ;; esac
}

# find_secrets WHERE BASE PATH...: in WHERE (--cached, or a commit). SECRETS gets path and places ("a password in line 3")
# of each file with some that BASE (a commit, or '') does not have. What cannot be looked at has some ("?"). 1 when git
# cannot be asked.
find_secrets() {
  local where=$1 base=$2 path places status specs=() found=()
  shift 2
  SECRETS=()
  while [ $# -gt 0 ]; do
    specs=()
    for path in "${@:1:200}"; do specs+=(":(top,literal)$path"); done
    status=''
    while IFS= read -r -d '' path; do
      [ -z "$status" ] || found+=("${status#"$where:"}")
      status=$path # the last one
    done < <(list_suspects "$where" ${specs[@]+"${specs[@]}"})
    case $status in 0 | 1) ;; *) return 1 ;; esac
    shift $(($# < 200 ? $# : 200))
  done
  [ ${#found[@]} -gt 0 ] || return 0
  [ "$where" != --cached ] || where=''
  while IFS= read -r -d '' path && IFS= read -r -d '' places; do SECRETS+=("$path" "$places"); done < <(
    find_python && printf '%s\0' "${found[@]}" | run_python secrets --top "$TOP" --at "$where" --base "$base" 2>/dev/null ||
      printf '%s\0?\0' "${found[@]}"
  )
}

# list_suspects WHERE SPECS...: then git's exit status.
list_suspects() {
  local where=$1
  shift
  LC_ALL=C git ${CONTENT_GIT[@]+"${CONTENT_GIT[@]}"} grep -z -l -i -I -E -f "$TOOLKIT/hooks/checks/secrets.ere" --full-name \
    --no-color --no-recurse-submodules "$where" -- "$@" 2>/dev/null
  printf '%s\0' "$?"
}

# describe_secrets PATH PLACES: sets RULE_TEXT and RULE_FIX.
describe_secrets() {
  RULE_TEXT="holds $2"
  RULE_FIX="Take it out of the file. Is it none? End that line with: claudetools:allow-secret"
  [ "$2" != '?' ] || RULE_TEXT='may hold a credential, and cannot be searched without Python' RULE_FIX="Install Python $PYTHON_FLOOR, then: $(typed_command doctor)"
}
