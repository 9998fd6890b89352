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

# network COMMAND...: in the background where a watchdog runs, because bash hears a signal only between two programs.
network() {
  local status
  if [ -z "$WATCHDOG" ]; then
    hold_by_stdin "$@"
    return
  fi
  status=124
  if [ -z "$TIMED_OUT" ]; then
    hold_by_stdin exec "$@" & # git itself gets the signal
    NETWORK_PID=$!
    wait "$NETWORK_PID"
    status=$?
    NETWORK_PID=''
  fi
  [ -z "$TIMED_OUT" ] || printf 'took longer than %s s\n' $((AGENT_SECONDS - 5)) >&2
  return "$status"
}

# network_line COMMAND...: sets NETWORK_LINE, the first line of its output.
network_line() {
  local out status
  NETWORK_LINE=''
  if [ -z "$WATCHDOG" ]; then
    out=$(hold_by_stdin exec "$@") || return
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

end_network() {
  TIMED_OUT=1
  [ -z "$NETWORK_PID" ] || kill -TERM "$NETWORK_PID" 2>/dev/null
}
