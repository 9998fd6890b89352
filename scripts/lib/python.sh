# shellcheck shell=bash
# Finding and running the Python helpers. None of them is on the path of a sync that has nothing to do.
# Needs: TOOLKIT, and STATE (the toolkit's state folder) once a repository is open.

readonly PYTHON_FLOOR="3.10"
: "${TOOLKIT_VERSION=}" # environment.sh knows it; a hook takes the helpers as they lie there

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

# Sets PYLIB: the helpers that belong to the shell code of this very run. An upgrade that comes in meanwhile replaces
# those in the tree, so an installed toolkit keeps a copy per version in the state folder, made once.
find_helpers() {
  [ -z "$PYLIB" ] || return 0
  local copy=${STATE:-}/helpers/${TOOLKIT_VERSION#* }
  if [ -n "$TOOLKIT_VERSION" ] && [ -d "${STATE:-}" ]; then
    if [ -e "$copy/claudetools" ] || "$PYTHON" -I -S -B "$TOOLKIT/pylib/claudetools/__main__.py" helpers "$TOOLKIT" "$copy"; then
      PYLIB=$copy
      return 0
    fi
  fi
  PYLIB=$TOOLKIT/pylib
}
PYLIB=''

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
  find_helpers
  PYTHON_CALL=("$PYTHON" -I -S -X "pycache_prefix=$STATE/pycache" "$PYLIB/claudetools/__main__.py" "$@")
}

# The same with the environment's packages.
run_python_with_packages() {
  find_helpers
  CLAUDETOOLS_TOOLKIT=$TOOLKIT "$PYTHON" -I -X "pycache_prefix=$STATE/pycache" "$PYLIB/claudetools/__main__.py" "$@"
}
