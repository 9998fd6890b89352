#!/usr/bin/env bash
# Summary: Run the rules over what is about to be committed.
# Usage: run.sh [--range OLD..NEW]
#
# Reads the index, or with --range the commits from OLD to NEW (a server, a CI job), and changes nothing. So it does in
# `pre-commit run --from-ref OLD --to-ref NEW`. Sync holds back the same files by the same rules before it commits.
#
# Exit status: 0 in order; 1 a rule is broken, each on stderr with its fix; 64 usage; 78 no repository.
# Environment: CLAUDETOOLS_SESSION_ID, CLAUDE_CODE_SESSION_ID or CODEX_SESSION_ID name the session that commits;
#   PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF are the framework's range.
# Sets: TOOLKIT.
set -uo pipefail

TOOLKIT=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
TOOLKIT=$(cd "${TOOLKIT:-.}/../.." && pwd -P) || exit 70
export LC_ALL=C
for part in exit_codes ui python results repository settings identity checks; do
  # shellcheck source=/dev/null
  . "$TOOLKIT/scripts/lib/$part.sh" || exit 70
done
for part in author paths index range; do
  # shellcheck source=/dev/null
  . "$TOOLKIT/hooks/checks/$part.sh" || exit 70
done

main() {
  BROKEN=0
  case ${1:-} in
    -h | --help) print_header "${BASH_SOURCE[0]}" && exit 0 ;;
    '') if [ -n "${PRE_COMMIT_FROM_REF:-}" ] && [ -n "${PRE_COMMIT_TO_REF:-}" ]; then
      check_range "$PRE_COMMIT_FROM_REF..$PRE_COMMIT_TO_REF"
    else
      check_index
    fi ;;
    --range) check_range "${2:-}" ;;
    *) wrong_usage "Unknown argument: $(visible "$1")" ;;
  esac
  exit "$BROKEN"
}

# report_broken WHAT: it breaks a rule; RULE_TEXT says which, RULE_FIX the way out.
report_broken() {
  BROKEN=1
  error "$(visible "$1") $RULE_TEXT."
  printf '        %s\n' "$RULE_FIX" >&2
}

main "$@"
