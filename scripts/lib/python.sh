# shellcheck shell=bash
# Finding and running the Python helpers. None of them is on the path of a sync that has nothing to do.
# Needs: TOOLKIT, and STATE (the toolkit's state folder) once a repository is open.

readonly PYTHON_FLOOR="3.10"

# Sets PYTHON: the interpreter with our packages, else any that is new enough. Fails when there is none.
find_python() {
  [ -n "${PYTHON:-}" ] && return 0
  local candidate
  for candidate in "${CLAUDETOOLS_PYTHON:-}" "${STATE:-}/venv/bin/python" "${STATE:-}/venv/Scripts/python.exe" \
    "$TOOLKIT/.venv/bin/python" python3 python; do
    case $candidate in '' | /venv/*) continue ;; esac
    case $candidate in */*) [ -x "$candidate" ] || continue ;; esac
    # The Store stub of Windows exists, is executable and exits 49: only running it tells.
    if "$candidate" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      PYTHON=$candidate
      return 0
    fi
  done
  return 1
}

# run_python MODULE ARGS...: the standard library only (-S), in 9 ms instead of 40.
run_python() {
  "$PYTHON" -I -S -X "pycache_prefix=$STATE/pycache" "$TOOLKIT/pylib/claudetools/__main__.py" "$@"
}

# The same with the environment's packages.
run_python_with_packages() {
  "$PYTHON" -I -X "pycache_prefix=$STATE/pycache" "$TOOLKIT/pylib/claudetools/__main__.py" "$@"
}
