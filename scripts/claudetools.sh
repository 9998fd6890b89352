#!/usr/bin/env bash
# Summary: Logs, notes, sessions, vault and wiki of this repository.
# Usage: claudetools.sh [--session ID] log|notes|sessions|vault|wiki ARGS...
#
#   log        new, append, check, adopt, path, missing: session logs
#   notes      what others have written to you
#   sessions   who works here, and whose each change is
#   vault      put: secrets go there, their path stays
#   wiki       the articles that are compiled from the logs
#
#   --session ID   work as that session (its id, the beginning, or a word of its topic), for example to write the log
#                  that it left out
#
# Each of them prints its own manual: claudetools.sh log --help
#
# Exit status: as sync.sh; 64 usage, 78 no repository, no Python or a package missing.
# Environment: CLAUDETOOLS_PYTHON is the interpreter.
set -uo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
lib=$(cd "${lib:-.}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python owner claim lock results repository identity; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh" || exit 70
done

# What __main__.py answers where a package is missing, for the shell to say the command that settles it.
readonly EXIT_NO_PACKAGES=79

main() {
  local status session=()
  if [ "${1:-}" = --session ]; then
    [ -n "${2:-}" ] || usage_error "--session needs the id of a session."
    session=(--session "$2")
    shift 2
  fi
  case ${1:-} in
    log | notes | sessions | vault | wiki) ;;
    -h | --help | help) print_header "${BASH_SOURCE[0]}" && exit 0 ;;
    '') print_header "${BASH_SOURCE[0]}" >&2 && exit "$EXIT_USAGE" ;;
    *) usage_error "Unknown command: $(visible "$1"). There are log, notes, sessions, vault and wiki." ;;
  esac
  reset_results
  forget_repository .
  open_repository . && make_state || die "$REPO_EXIT" "${PROBLEMS[0]#*$'\n'}"
  find_python || die "$EXIT_SETUP" "Python $PYTHON_FLOOR or newer is missing." "Install it, then: bash $(setup_command)"
  run_python_with_packages ${session[@]+"${session[@]}"} "$@"
  status=$?
  [ "$status" -ne "$EXIT_NO_PACKAGES" ] || printf '        Install the packages: bash %s\n' "$(setup_command)" >&2
  [ "$status" -ne "$EXIT_NO_PACKAGES" ] || exit "$EXIT_SETUP"
  exit "$status"
}

usage_error() { die "$EXIT_USAGE" "$1" "See: $(tools_command) --help"; }

main "$@"
