# shellcheck shell=sh
# What the hooks of an agent have in common: find an interpreter, hand over the payload on stdin, never fail. POSIX sh,
# because dash starts in a millisecond. The name of the hook is the event; an argument names the agent (claude, gemini).

toolkit=${0%/*}/../..
state=${CLAUDE_PROJECT_DIR:-.}/.git/claudetools

# Compiled modules never go into the tree.
if [ -d "$state" ]; then
  set -- -I -S -X "pycache_prefix=$state/pycache" "$toolkit/pylib/claudetools/__main__.py" hook "${0##*/}" "$@"
else
  set -- -I -S -B "$toolkit/pylib/claudetools/__main__.py" hook "${0##*/}" "$@"
fi

# The job itself ends with 0 whatever happens. Another code says that this was no Python for us, and that the payload
# is still unread: the Store stub of Windows (49), a broken link (127), one that is too old.
for python in "${CLAUDETOOLS_PYTHON:-}" "$state/venv/bin/python" "$state/venv/Scripts/python.exe" \
  "$toolkit/.venv/bin/python" /usr/bin/python3 python3 python py; do
  case $python in
    '') continue ;;
    */*) [ -x "$python" ] || continue ;;
    *) command -v "$python" >/dev/null || continue ;;
  esac
  if [ "$python" = py ]; then set -- -3 "$@"; fi
  "$python" "$@" 2>/dev/null
  status=$?
  if [ "$status" -eq 0 ] || [ "$status" -gt 128 ]; then break; fi
done

# The agent sees success, and what was said on stdout.
exit 0
