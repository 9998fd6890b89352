#!/usr/bin/env bash
# Summary: Print the User block of a session log.
# Usage: whoami-block.sh
#
# Reads .claude/identity.json and .claude/users.json and nothing else: not the host name, not git's settings, not
# the environment. A warning on stderr means that identity.json is missing or belongs to another machine: fix it before
# saving.
#
# Exit status: 0; 64 usage; 78 not set up, or set up for another machine.
set -uo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
lib=$(cd "${lib:-.}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python owner claim lock results repository settings identity; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh" || exit 70
done

main() {
  local text
  case ${1:-} in
    '') ;;
    -h | --help) print_header "${BASH_SOURCE[0]}" && exit 0 ;;
    *) wrong_usage "Unknown argument: $(visible "$1")" ;;
  esac
  reset_results
  forget_repository .
  open_repository . && make_state && load_identity "$TOP" || {
    text=${PROBLEMS[0]#*$'\n'}
    die "$EXIT_SETUP" "${text%%$'\n'*}" "${text#*$'\n'}"
  }
  refuse_derived
  say "## User"
  say "- **User:** $(visible "$ID_NAME") ($(visible "$ID_USER"))"
  say "- **Role:** $(visible "${ID_ROLE:-unknown}")"
  say "- **Machine:** $(visible "$ID_MACHINE")"
  for text in ${ID_PROBLEMS[@]+"${ID_PROBLEMS[@]}"}; do printf '[WARNING] %s\n' "$(visible "$text")" >&2; done
  warn_of_other_machine
}

# A sync may guess who works here, by git's user.email; a log says it for good.
refuse_derived() {
  [ "$ID_SOURCE" = derived ] || return 0
  printf '[WARNING] .claude/identity.json is missing; by git\x27s user.email you are %s. Make it yours before saving: %s --user %s\n' \
    "$(visible "$ID_NAME")" "$(setup_command)" "$(quoted "$ID_USER")" >&2
  exit "$EXIT_SETUP"
}

# Case and domain do not make another machine of it.
warn_of_other_machine() {
  local said=${ID_HOSTNAME:-$ID_MACHINE} host=${CLAUDETOOLS_HOSTNAME:-${HOSTNAME:-}}
  [ -n "$host" ] || return 0
  shopt -s nocasematch
  [[ ${said%%.*} != "${host%%.*}" ]] || return 0
  printf '[WARNING] identity.json says machine %s, this host is %s. Fix it before saving: %s --machine %s\n' \
    "$(visible "$said")" "$(visible "$host")" "$(setup_command)" "$(quoted "${host%%.*}")" >&2
  exit "$EXIT_SETUP"
}

main "$@"
