# shellcheck shell=bash
# No run may outlive its caller's patience. An agent's shell kills a command after 120 s by default, and with it the
# answer: there a run ends within 100 s. Elsewhere git's own limits (environment.sh) are enough.
# Needs: ui.
# Sets: BACKGROUND NETWORK_LINE NETWORK_PID RUN_BEGAN TIMED_OUT WAIT WATCHDOG.

readonly AGENT_SECONDS=100

start_clock() {
  read_clock
  RUN_BEGAN=$NOW_MS WATCHDOG='' NETWORK_PID='' TIMED_OUT=''
  BACKGROUND=${CLAUDETOOLS_BACKGROUND:-} # our folder, where nobody's patience ends us (background.sh)
  unset CLAUDETOOLS_BACKGROUND
  [ -n "${CLAUDECODE:-}" ] && [ -z "$BACKGROUND" ] || return 0
  trap 'end_network' ALRM
  # The watchdog must not hold the beacon, and must not leave its sleep behind.
  (
    trap 'kill "$nap" 2>/dev/null; exit 0' TERM
    sleep $((AGENT_SECONDS - 5)) &
    nap=$!
    wait "$nap" && kill -ALRM $$
  ) 6>&- 7>&- 8>&- 9>&- >/dev/null 2>&1 &
  WATCHDOG=$!
}

stop_clock() {
  [ -z "$WATCHDOG" ] || kill -TERM "$WATCHDOG" 2>/dev/null
  WATCHDOG=''
}

seconds_left() {
  if [ -n "${CLAUDECODE:-}" ]; then
    printf '%s' $((AGENT_SECONDS - 10 - ($(monotonic_ms) - RUN_BEGAN) / 1000))
  else
    printf '600'
  fi
}

# limit_wait: main's lock, its exchange and the vault's lock are waited for out of one purse.
limit_wait() {
  local left
  [ -n "${CLAUDECODE:-}" ] || return 0
  left=$(seconds_left)
  [ "$left" -gt 0 ] || left=0
  [ "$WAIT" -le "$left" ] || WAIT=$left
}

# network ERRORS COMMAND...: its stderr goes into the file ERRORS, not that of this shell, which says where it is when a
# signal comes. In the background, because bash hears a signal only between two programs.
network() {
  local status=124 errors=$1 ticker=''
  shift
  : >"$errors"
  if [ -z "$TIMED_OUT" ]; then
    if shows_progress; then
      tick & # ends with the command
      ticker=$!
    fi
    hold_by_stdin exec "$@" 2>"$errors" & # git itself gets the signal
    NETWORK_PID=$!
    wait "$NETWORK_PID"
    status=$?
    NETWORK_PID=''
    [ -z "$ticker" ] || stop_ticking "$ticker"
  fi
  [ -z "$TIMED_OUT" ] || printf 'took longer than %s s\n' $((AGENT_SECONDS - 5)) >>"$errors"
  return "$status"
}

# network_line ERRORS COMMAND...: sets NETWORK_LINE, the first line of its output.
network_line() {
  local out status errors=$1
  NETWORK_LINE=''
  if [ -z "$WATCHDOG" ] && ! shows_progress; then
    shift
    out=$(hold_by_stdin exec "$@" 2>"$errors") || return
    NETWORK_LINE=${out%%$'\n'*}
    return 0
  fi
  # Into a file: a subshell could not be interrupted. Two runs may do this at once.
  out=$STATE/network.$$
  network "$@" >"$out"
  status=$?
  read -r NETWORK_LINE <"$out"
  rm -f "$out"
  return "$status"
}

# tick: from the third second on, one line on stderr that is written over each second.
tick() {
  local second seconds=2
  exec 6>&- 7>&- 8>&- 9>&- >/dev/null # holds no lock
  trap 'kill "$second" 2>/dev/null; exit 0' TERM
  sleep 2 &
  second=$!
  wait "$second" || return
  while :; do
    printf '\rWaiting for %s, %s s ' "$(visible "$REMOTE")" "$seconds" >&2
    seconds=$((seconds + 1))
    sleep 1 &
    second=$!
    wait "$second" || return
  done
}

stop_ticking() {
  kill -TERM "$1" 2>/dev/null
  wait "$1" 2>/dev/null
  printf '\r\033[K' >&2
}

end_network() {
  TIMED_OUT=1
  [ -z "$NETWORK_PID" ] || kill -TERM "$NETWORK_PID" 2>/dev/null
}
