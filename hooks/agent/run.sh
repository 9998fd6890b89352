# shellcheck shell=sh
# Run an agent's hook: find an interpreter, hand it the payload on stdin, print its answer. POSIX sh, because dash starts
# in a millisecond.
#
# Exit status 2 tells the client to refuse the tool or the prompt, and a shell that cannot open or parse a file ends with
# 2. Hence whoever sources this sets `trap 'exit 0' EXIT` first, which holds for errors in this file as well. To refuse is
# JSON on stdout. A line in a client's settings passes `h`, the folder of this file, and as arguments the event and, unless
# it is claude, the agent.

# Run by one of the files beside this one, as settings of earlier versions do: its name is the event.
case $0 in */hooks/agent/*)
  h=${0%/*}
  set -- "${0##*/}" "$@"
  ;;
esac
toolkit=$h/../..
case $toolkit in
  */claudetools/toolkit/*) state=${toolkit%/toolkit/*} ;; # unpacked there
  *) state=${CLAUDE_PROJECT_DIR:-.}/.git/claudetools ;;
esac

# Compiled modules never go into the tree.
if [ -d "$state" ]; then
  set -- -I -S -X "pycache_prefix=$state/pycache" "$toolkit/pylib/claudetools/__main__.py" hook "$@"
else
  set -- -I -S -B "$toolkit/pylib/claudetools/__main__.py" hook "$@"
fi

# Where stdin is closed, bash lets a command read from the pipe of its own answer, for ever.
true 9<&0 || exec </dev/null

# The job itself ends with 0 whatever happens. Another code says that this was no Python for us, and that the payload
# is still unread: the Store stub of Windows (49), a broken link (127), one that is too old.
answer='' status=127
for python in "${CLAUDETOOLS_PYTHON:-}" "$state/venv/bin/python" "$state/venv/Scripts/python.exe" \
  "$toolkit/.venv/bin/python" /usr/bin/python3 python3 python py; do
  case $python in
    '') continue ;;
    */*) [ -x "$python" ] || continue ;;
    *) command -v "$python" >/dev/null || continue ;;
  esac
  if [ "$python" = py ]; then set -- -3 "$@"; fi
  answer=$(exec "$python" "$@" 2>/dev/null)
  status=$?
  if [ "$status" -eq 0 ] || [ "$status" -gt 128 ]; then break; fi
done

# The client reads an answer that is whole, or none: not what a Python prints before it fails, nor what a wrapper of it
# prints before the answer, which is one line.
newline='
'
case $answer in *"$newline"*) answer=${answer##*"$newline"} ;; esac
case $status$answer in 0'{'*'}') printf '%s\n' "$answer" ;; esac
exit 0
