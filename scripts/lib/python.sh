# shellcheck shell=bash
# Finding and running the Python helpers. None of them is on the path of a sync that has nothing to do.
# Needs: TOOLKIT, and STATE (the toolkit's state folder) once a repository is open.
# Sets: PYTHON PYTHON_CALL PYTHON_FLOOR.

readonly PYTHON_FLOOR="3.10"

# Sets PYTHON: the interpreter with our packages, else any that is new enough. Fails when there is none.
find_python() {
  [ -n "${PYTHON:-}" ] && return 0
  local candidate beside=${TOOLKIT%/share/claudetools} # of a wheel: the environment that it was installed into
  [ "$beside" != "$TOOLKIT" ] || beside=''
  for candidate in "${CLAUDETOOLS_PYTHON:-}" "${STATE:-}/venv/bin/python" "${STATE:-}/venv/Scripts/python.exe" \
    "${beside:+$beside/bin/python}" "${beside:+$beside/Scripts/python.exe}" "$TOOLKIT/.venv/bin/python" python3 python py; do
    case $candidate in
      '' | /venv/*) continue ;;
      */*) [ -x "$candidate" ] || continue ;;
      # The launcher of Windows knows where the interpreters are, also when none of them is on the PATH.
      py) candidate=$(py -3 -I -S -c 'import sys; sys.stdout.write(sys.executable)' 2>/dev/null) || continue ;;
    esac
    if is_known_python "$candidate" || is_new_python "$candidate"; then
      PYTHON=$candidate
      return 0
    fi
  done
  return 1
}

# Tried before, and not replaced since. A name without a path may mean another program today.
is_known_python() {
  local known=''
  case $1 in */*) ;; *) return 1 ;; esac
  [ "${STATE:-}/python" -nt "$1" ] && read -r known 2>/dev/null <"$STATE/python" && [ "$known" = "$1" ]
}

# The Store stub of Windows exists, is executable and exits 49: only running it tells.
is_new_python() {
  "$1" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || return 1
  case $1 in */*) [ ! -d "${STATE:-/nonexistent}" ] || printf '%s\n' "$1" 2>/dev/null >"$STATE/python" || : ;; esac
}

# run_python MODULE ARGS...: the standard library only (-S), in 9 ms instead of 40.
run_python() {
  compose_python "$@"
  CLAUDETOOLS_TOOLKIT=$TOOLKIT "${PYTHON_CALL[@]}"
}

compose_python() { # sets PYTHON_CALL
  PYTHON_CALL=("$PYTHON" -I -S -X "pycache_prefix=$STATE/pycache" "$TOOLKIT/pylib/claudetools/__main__.py" "$@")
}

# The same with the environment's packages.
run_python_with_packages() {
  CLAUDETOOLS_TOOLKIT=$TOOLKIT "$PYTHON" -I -X "pycache_prefix=$STATE/pycache" "$TOOLKIT/pylib/claudetools/__main__.py" "$@"
}
