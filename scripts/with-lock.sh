#!/usr/bin/env bash
# Summary: Run a command while no sync can run in this repository.
# Usage: with-lock.sh [--wait SECONDS] [--title TEXT] -- COMMAND [ARGS...]
#
# Takes the lock of the repository that the current folder belongs to, runs the command, releases the lock.
# A sync.sh inside the command works: it queues one level down, so two of them run one after the other.
#
# Exit status: the command's own; 64 usage, 73 the lock cannot be created, 75 another run has it, 78 no repository.
# Environment: CLAUDETOOLS_SESSION_TITLE names this run to those who wait.
set -euo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
lib=$(cd "${lib:-.}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python owner claim lock; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done

main() {
  local wait=120 title=${CLAUDETOOLS_SESSION_TITLE:-with-lock} command common status=0
  read_arguments "$@"
  common=$(git rev-parse --path-format=absolute --git-common-dir 2>/dev/null) ||
    die "$EXIT_SETUP" "This folder is in no git repository."

  use_lock "$common"
  trap 'finish' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  prepare_claim "$LOCK_STATE" "$title" || die $? "The lock cannot be created: $LOCK_MESSAGE"
  acquire_lock "$wait" || die $? "${LOCK_MESSAGE:-$(describe_owner)}"
  (run_inside "${command[@]}") || status=$?
  trap - EXIT
  finish || status=$EXIT_INTERNAL
  exit "$status"
}

# Sets wait, title and command of main.
read_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help)
        print_header "${BASH_SOURCE[0]}"
        exit 0
        ;;
      --wait)
        wait=${2:-}
        shift
        ;;
      --title)
        title=${2:-}
        shift
        ;;
      --)
        shift
        break
        ;;
      *) wrong_usage "Unknown argument: $(visible "$1")" ;;
    esac
    shift || wrong_usage "An option needs a value."
  done
  case $wait in '' | *[!0-9]*) wrong_usage "--wait takes whole seconds, not '$(visible "$wait")'." ;; esac
  wait=$((10#$wait)) # a leading zero means octal to the shell
  [ $# -gt 0 ] || wrong_usage "No command."
  command=("$@")
}

# In a subshell: exec finds programs only, so that a COMMAND named like one of our functions is not taken for it.
run_inside() {
  export CLAUDETOOLS_REENTER="${CLAUDETOOLS_REENTER:+$CLAUDETOOLS_REENTER }$LOCK_TOKEN"
  if [ "$CALLER_LC_ALL" = unset ]; then unset LC_ALL; else LC_ALL=$CALLER_LC_ALL; fi
  exec -- "$@"
}

finish() {
  local below=$STATE/nested/$LOCK_TOKEN
  # Empty now, unless something that COMMAND left behind still works there; the next sync's sweep looks after that.
  [ -z "$LOCK_TOKEN" ] || rmdir "$below/claims" "$below" "$STATE/nested" 2>/dev/null || :
  release_lock
}

main "$@"
