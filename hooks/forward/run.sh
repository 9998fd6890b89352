# shellcheck shell=sh
# For a client that started under claudetools 0.1.0 and keeps that version's lines: they source this file. It goes with the
# version after this one.
h=${h%/.claude/claudetools/hooks/agent}/.claude/scripts
set -- hook "$@"
# shellcheck source=/dev/null
. "$h/claudetools-start.sh"
