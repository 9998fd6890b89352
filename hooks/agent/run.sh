# shellcheck shell=sh
# What the hooks of an agent have in common: find an interpreter, hand over the payload on stdin, never fail. POSIX sh,
# because dash starts in a millisecond. The name of the hook is the event; an argument names the agent (claude, gemini).

toolkit=${0%/*}/../..
state=${CLAUDE_PROJECT_DIR:-.}/.git/claudetools

find_python() {
  for python in "${CLAUDETOOLS_PYTHON:-}" "$state/venv/bin/python" "$state/venv/Scripts/python.exe" \
    "$toolkit/.venv/bin/python" /usr/bin/python3 python3 python; do
    case $python in
      '') ;;
      */*) [ ! -x "$python" ] || return 0 ;;
      *) command -v "$python" >/dev/null && return 0 ;;
    esac
  done
  return 1
}

# Whatever happens, the agent sees success and what was said on stdout. Compiled modules never go into the tree.
if find_python; then
  if [ -d "$state" ]; then
    set -- -X "pycache_prefix=$state/pycache" "$toolkit/pylib/claudetools/__main__.py" hook "${0##*/}" "$@"
  else
    set -- -B "$toolkit/pylib/claudetools/__main__.py" hook "${0##*/}" "$@"
  fi
  "$python" -I -S "$@" 2>/dev/null
fi
exit 0
