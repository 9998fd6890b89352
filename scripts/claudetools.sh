#!/usr/bin/env bash
# Summary: One entry for everything that claudetools does.
# Usage: claudetools.sh [--session ID] COMMAND ARGS...
#        claudetools.sh help [COMMAND] | --version | completion bash|zsh|fish
#
#   sync        save and sync this repository and the vault
#   log         new, append, check, adopt, path, missing: session logs
#   notes       what others have written to you
#   sessions    who works here, and whose each change is
#   vault       put: secrets go there, their path stays
#   wiki        the articles that are compiled from the logs
#   whoami      the User block of a session log
#   setup       tell this machine who works on it, and set up this clone
#   trust       accept what the settings of the team ask for here
#   install     put claudetools into a repository, or take it out
#   schedule    sync from time to time
#   with-lock   run a command while no sync can run
#   rules       the rules over what is about to be committed, for a CI job
#   doctor      what is wrong, and how it is mended
#   demo        the whole job on temporary repositories
#
#   --session ID   for log, notes, sessions, vault and wiki: work as that session (its id, the beginning, or a word of its
#                  topic), for example to write the log that it left out
#
# Each of them prints its own manual: claudetools.sh log --help
#
# Exit status: as sync.sh; 64 usage, 78 no repository, no Python or a package missing.
# Environment: CLAUDETOOLS_PYTHON is the interpreter.
set -uo pipefail

here=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
here=$(unset CDPATH && cd "${here:-.}" && pwd -P) || exit 70

# What __main__.py answers where a package is missing, for the shell to say the command that settles it.
readonly EXIT_NO_PACKAGES=79

main() {
  local program
  case ${1:-} in
    sync | setup | trust | install | schedule | with-lock | doctor | demo | whoami | rules)
      program_of "$1" && shift
      exec bash "$program" "$@"
      ;;
  esac
  load exit_codes ui
  case ${1:-} in
    --version | version) print_version ;;
    -h | --help) print_header "${BASH_SOURCE[0]}" ;;
    help) shift && print_help "$@" ;;
    completion) shift && load completion && print_completion "$@" ;;
    --complete) shift && load completion && complete_words "$@" ;;
    '') print_header "${BASH_SOURCE[0]}" >&2 && exit "$EXIT_USAGE" ;;
    *) run_command "$@" ;;
  esac
}

load() {
  local part
  for part in "$@"; do
    # shellcheck source=/dev/null
    . "$here/lib/$part.sh" || exit 70
  done
}

program_of() { # sets program; 1 for a command that is no program of its own
  case $1 in
    sync | setup | trust | install | schedule | with-lock | doctor | demo) program=$here/$1.sh ;;
    whoami) program=$here/whoami-block.sh ;;
    rules) program=$here/../hooks/checks/run.sh ;;
    *) return 1 ;;
  esac
}

# The one place where the version stands is pyproject.toml.
print_version() {
  local line
  while IFS= read -r line; do
    case $line in 'version = "'*) line=${line#*\"} && say "claudetools ${line%%\"*}" && return ;; esac
  done <"$here/../pyproject.toml"
  die "$EXIT_INTERNAL" "$here/../pyproject.toml names no version."
}

print_help() {
  local program
  if [ $# -eq 0 ]; then
    print_header "${BASH_SOURCE[0]}"
  elif program_of "$1"; then
    print_header "$program"
  else
    run_command "$@" --help
  fi
}

# The commands of Python.
run_command() {
  local status session=()
  load environment python owner claim lock results repository settings identity
  if [ "${1:-}" = --session ]; then
    [ -n "${2:-}" ] || wrong_usage "--session needs the id of a session."
    session=(--session "$2")
    shift 2
  fi
  case ${1:-} in
    log | notes | sessions | vault | wiki) ;;
    *) wrong_usage "Unknown command: $(visible "${1:-}")." ;;
  esac
  reset_results
  forget_repository .
  open_repository . && make_state || die "$REPO_EXIT" "${PROBLEMS[0]#*$'\n'}"
  find_python || die "$EXIT_SETUP" "Python $PYTHON_FLOOR or newer is missing." "Install it, then: $(setup_command)"
  run_python_with_packages ${session[@]+"${session[@]}"} "$@"
  status=$?
  [ "$status" -ne "$EXIT_NO_PACKAGES" ] || printf '        Install the packages: %s\n' "$(setup_command)" >&2
  [ "$status" -ne "$EXIT_NO_PACKAGES" ] || exit "$EXIT_SETUP"
  exit "$status"
}

main "$@"
