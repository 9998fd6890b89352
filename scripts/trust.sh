#!/usr/bin/env bash
# Summary: Accept what the team's settings ask for here.
# Usage: trust.sh [--show]
#
# .claude/claudetools.json comes in with commits, so whoever can push writes it. What it tightens counts at once. What it
# loosens (limits, guards, credentials), and branch, remote, allow, trust and the addresses of Syncro, count in this working
# tree after this, and again after each change of them. With `git config claudetools.trust ask` that holds for a new
# version of claudetools as well: the one before runs on until then.
#
#   --show   what waits; changes nothing
#
# A value of this clone's own goes before the team's: git config claudetools.KEY VALUE
#
# Exit status: 0; 64 usage; 78 no repository, no Python, or a file that cannot be read.
set -uo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
lib=$(cd "${lib:-.}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python owner claim lock results repository settings identity; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh" || exit 70
done

main() {
  local how=--trust
  case $#${1:-} in
    0) ;;
    1-h | 1--help) print_header "${BASH_SOURCE[0]}" && exit 0 ;;
    1--show) how=--show ;;
    *) wrong_usage "Unknown argument: $(visible "$1")" ;;
  esac
  reset_results
  forget_repository .
  open_repository . && make_state || die "$REPO_EXIT" "${PROBLEMS[0]#*$'\n'}"
  find_python || die "$EXIT_SETUP" "Python $PYTHON_FLOOR or newer is missing." "Install it, then: $(setup_command)"
  run_python settings "$TOP" "$how"
}

main "$@"
