# shellcheck shell=bash
# Reading what the rules ask of logs: one git grep, in the index or in a commit.
# Needs: log-text.
# Sets: CONTENT_PATHS CONTENT_TASKS.

# want_content PATH TASK...: TASK is log (a new one: whole) or owner (a changed one, with the writers' ids).
want_content() {
  CONTENT_PATHS+=("$1")
  shift
  CONTENT_TASKS+=("$*")
}

# check_contents REPORT WHERE...: git grep over CONTENT_PATHS in WHERE (--cached, or a commit); REPORT is called as
# REPORT PATH for each that breaks a rule, with RULE_TEXT and RULE_FIX. A file that cannot be read has nothing that it
# should have, and is reported.
check_contents() {
  local report=$1
  shift
  for ((CONTENT_FROM = 0; CONTENT_FROM < ${#CONTENT_PATHS[@]}; CONTENT_FROM += 200)); do
    check_some_contents "$report" "$@"
  done
  CONTENT_PATHS=() CONTENT_TASKS=()
}

# CONTENT_PATHS from CONTENT_FROM on are some.
check_some_contents() {
  local report=$1 next=0 path number text at='' judged='' options=(-a -n -o -z -E) specs=(--) prefix=''
  shift
  case $1 in --cached) ;; *) prefix=$1: ;; esac
  for text in "${LOG_PATTERNS[@]}"; do options+=(-e "$text"); done
  for path in "${CONTENT_PATHS[@]:CONTENT_FROM:200}"; do specs+=(":(top,literal)$path"); done
  while IFS= read -r -d '' path && IFS= read -r -d '' number && IFS= read -r text; do
    path=${path#"$prefix"}
    if [ "$path" != "$at" ]; then
      [ -z "$at" ] || judge_content "$report" "$at"
      at=$path judged+="//$path//"
      begin_log
    fi
    take_log_line "$number" "$text"
  done < <(LC_ALL=C git ${CONTENT_GIT[@]+"${CONTENT_GIT[@]}"} grep --full-name --no-color --no-column \
    --no-recurse-submodules "${options[@]}" "$@" "${specs[@]}" 2>/dev/null)
  [ -z "$at" ] || judge_content "$report" "$at"
  # Those without a single line of what was looked for.
  begin_log
  for path in "${CONTENT_PATHS[@]:CONTENT_FROM:200}"; do
    case $judged in *"//$path//"*) ;; *) judge_content "$report" "$path" ;; esac
  done
}

# git lists the files in the order of CONTENT_PATHS, nearly always: the search begins behind the last one (`next`, the
# caller's).
judge_content() {
  local report=$1 path=$2 n i task count=$((${#CONTENT_PATHS[@]} - CONTENT_FROM)) found=0 at_end=0
  [ "$count" -le 200 ] || count=200
  for ((n = 0; n < count; n++)); do
    i=$((CONTENT_FROM + (next + n) % count))
    if [ "${CONTENT_PATHS[i]}" != "$path" ]; then
      [ "$found" -eq 0 ] || break
      continue
    fi
    found=$((found + 1)) at_end=$((i - CONTENT_FROM + 1))
    read -r -a task <<<"${CONTENT_TASKS[i]}"
    case ${task[0]} in
      log) judge_log "$path" "${prefix:-:}$path" ;;
      owner) judge_log_owner "$path" ${task[@]+"${task[@]:1}"} ;;
    esac || "$report" "$path"
  done
  next=$at_end
}
