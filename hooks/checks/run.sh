#!/usr/bin/env bash
# Summary: Run the rules over what is about to be committed.
# Usage: run.sh
#
# Reads the names that the index adds against HEAD and changes nothing. Sync holds back the same names by the same
# rules before it commits.
#
# Exit status: 0 in order; 1 a rule is broken, each on stderr with its fix; 78 no repository.
set -uo pipefail

TOOLKIT=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
TOOLKIT=$(cd "${TOOLKIT:-.}/../.." && pwd -P) || exit 70
# shellcheck source=../../scripts/lib/ui.sh
. "$TOOLKIT/scripts/lib/ui.sh"
# shellcheck source=../../scripts/lib/checks.sh
. "$TOOLKIT/scripts/lib/checks.sh"

main() {
  local path broken=0
  case ${1:-} in -h | --help) print_header "${BASH_SOURCE[0]}" && exit 0 ;; esac
  git rev-parse --git-dir >/dev/null 2>&1 || die 78 "This folder is in no git repository."
  while IFS= read -r -d '' path; do
    if is_path_cruft "$path"; then
      RULE_TEXT='is a Windows path used as a file name' RULE_FIX="Take it out: git rm --cached -- $(quoted "$path")"
    elif check_added_name "$path"; then
      continue
    fi
    broken=1
    error "$(visible "$path") $RULE_TEXT."
    printf '        %s\n' "$RULE_FIX" >&2
  done < <(git diff --cached --name-only --diff-filter=A --no-renames -z)
  exit "$broken"
}

main "$@"
