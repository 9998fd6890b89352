# shellcheck shell=bash
# A clone of a repository that has claudetools: its hook and git's settings do not travel. setup.sh puts them there, because
# they run code of the repository; a later sync only keeps them up to date.
# Needs: repository, python, ui.

# clone_job [--locked]: the installer's part for a clone. Who took the risk of a cloud folder once is not asked again.
clone_job() {
  [ ! -e "$STATE/installed.json" ] || set -- "$@" --allow-cloud
  run_python install --job clone "$@" --toolkit "$TOOLKIT" --state-format "$STATE_FORMAT" \
    --command "$(typed_command install)" -- "$TOP"
}

# Under the lock. A failure is told and no more: the work that is to be saved does not depend on it.
refresh_clone() {
  local text line
  [ -z "$DRY_RUN" ] && needs_setup || return 0
  if ! find_python; then
    info "The hook of this clone may be of an older version; to renew it takes Python $PYTHON_FLOOR. Install it, then: $(setup_command)"
    return 0
  fi
  if text=$(clone_job --locked 2>&1); then
    while IFS= read -r line; do [ -z "$line" ] || info "Set up in this clone: ${line#\[WARN\] }"; done <<<"$text"
  else
    text=${text#\[ERROR\] }
    info "This clone could not be set up: $(visible "${text%%$'\n'*}") Later: $(setup_command)"
  fi
  return 0
}
