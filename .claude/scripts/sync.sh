#!/bin/sh
# Save and sync this repository: --help is its manual. The program lies in an archive of this repository, see claudetools-start.sh.
h=${0%"${0##*/}"} h=${h%/}
h=${h:-.}
set -- sync.sh "$@"
. "$h/claudetools-start.sh"
echo "[ERROR] .claude/scripts/claudetools-start.sh is damaged. Take it back: git checkout HEAD -- .claude/scripts" >&2
exit 70
