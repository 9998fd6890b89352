# shellcheck shell=bash
# Where a repository's lock is and who has it, for those who look and for those who take it (lock.sh).
# Needs: environment, ui, claim.
# Sets: LOCK_ABOVE LOCK_DIR LOCK_HELD LOCK_LITTER LOCK_MESSAGE LOCK_RECORD LOCK_SCRATCH LOCK_SERVED LOCK_STATE
#   LOCK_TOKEN STATE STOPPED.

LOCK_DIR=''     # L
LOCK_RECORD=''  # R, '' when no claim is prepared
LOCK_TOKEN=''   # 128 random bits
LOCK_HELD=''    # 1 while we believe that we own L
LOCK_MESSAGE='' # what the last failure said
LOCK_LITTER=()  # files that go together with the lock, in the same program
LOCK_SCRATCH=() # files that go just before it, for the next owner uses the same names
LOCK_SERVED=''  # 1 when acquire_lock failed because the lock is not needed any more
STOPPED=''      # what find_stopped says
LOCK_ABOVE=()   # owner link and record of each level above a nested lock, in pairs

readonly LOCK_NAME=claudetools-sync.lock # of L in the git common dir; place.py says it too

# use_lock COMMON_DIR: names the lock and state of one repository, or of the level inside our own with-lock.
# Sets STATE, the toolkit's state folder there. CLAUDETOOLS_REENTER lists the tokens of the with-locks above us,
# outermost first; those of other repositories match nothing here.
use_lock() {
  local common=$1 token
  STATE=$common/claudetools
  LOCK_STATE=$STATE
  LOCK_DIR=$common/$LOCK_NAME
  LOCK_ABOVE=()
  for token in ${CLAUDETOOLS_REENTER:-}; do
    read_owner && [ "$OWNER_TOKEN" = "$token" ] || continue
    LOCK_ABOVE+=("$LOCK_DIR/owner" "$LOCK_STATE/claims/$OWNER_BOOT.$OWNER_PID.$OWNER_START.$token")
    LOCK_STATE=$STATE/nested/$token
    LOCK_DIR=$LOCK_STATE/lock
  done
}

# Sets OWNER_PID, OWNER_START, OWNER_BOOT, OWNER_TITLE, OWNER_SINCE, OWNER_HOST, OWNER_TOKEN from L/owner.
read_owner() {
  local key value
  OWNER_PID='' OWNER_START='' OWNER_BOOT='' OWNER_TITLE='' OWNER_SINCE='' OWNER_HOST='' OWNER_TOKEN=''
  [ -f "$LOCK_DIR/owner" ] && [ -r "$LOCK_DIR/owner" ] || return 1 # never open a FIFO: that would hang
  while IFS='=' read -r key value; do
    case $key in
      pid) OWNER_PID=$value ;;
      start) OWNER_START=$value ;;
      boot) OWNER_BOOT=$value ;;
      title) OWNER_TITLE=$value ;;
      since) OWNER_SINCE=$value ;;
      host) OWNER_HOST=$value ;;
      token) OWNER_TOKEN=$value ;;
    esac
  done 2>/dev/null <"$LOCK_DIR/owner"
  return 0
}

is_running() { # is_running PID; a zombie does not run
  local stat
  [ -n "$1" ] && kill -0 "$1" 2>/dev/null || return 1
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
  case ${stat##*) } in Z*) return 1 ;; esac
}

# A cheap hint, never a verdict.
owner_seems_alive() {
  read_owner || return 0
  case $OWNER_PID in '' | *[!0-9]*) return 1 ;; esac
  [ "$OWNER_BOOT" = "$BOOT_ID" ] && kill -0 "$OWNER_PID" 2>/dev/null
}

describe_owner() {
  read_owner || {
    printf 'another sync has the lock.'
    return 0
  }
  local since='' STOPPED
  find_stopped
  case $OWNER_SINCE in '' | *[!0-9]*) ;; *) since=" since $(clock_time "$OWNER_SINCE")" ;; esac
  printf "'%s' on %s has the lock%s (process %s)." "$(visible "${OWNER_TITLE:-sync}")" \
    "$(visible "${OWNER_HOST:-this machine}")" "$since" "$(visible "$OWNER_PID")"
  [ -z "$STOPPED" ] || printf ' %s' "$STOPPED"
}

# find_stopped, after read_owner: sets STOPPED, what to do about an owner that somebody has stopped (Ctrl-Z, SIGSTOP), or
# whose programs are; '' when all of it runs. Ctrl-Z stops all of them, and each has to go on.
find_stopped() {
  local pid parent state start list family=" $OWNER_PID " before='' stopped='' what='It is stopped'
  STOPPED=''
  [ -n "$OWNER_PID" ] && [ "$OWNER_BOOT" = "${BOOT_ID:-}" ] || return 0
  list=$(list_processes)               # once: where we run below the owner, each look would find a new child, itself
  while [ "$family" != "$before" ]; do # until nobody's child is missing
    before=$family stopped=''
    while read -r pid parent state start; do
      case $family in *" $pid "*) ;; *" $parent "*) family+="$pid " ;; *) continue ;; esac
      [ "$pid" != "$OWNER_PID" ] || [ "$start" = "$OWNER_START" ] || [ -z "$start" ] || return 0 # another process by now
      case $state in T*) stopped+=" $pid" ;; esac
    done <<<"$list"
  done
  [ -n "$stopped" ] || return 0
  case "$stopped " in *" $OWNER_PID "*) ;; *) what='A program that it started is stopped' ;; esac
  STOPPED="$what (Ctrl-Z, SIGSTOP) and goes on by: kill -CONT$stopped"
}

# pid, parent, state and, where it is told, start of each process.
list_processes() {
  local file line fields
  if [ ! -r /proc/self/stat ]; then
    ps -A -o pid= -o ppid= -o state= 2>/dev/null
    return
  fi
  for file in /proc/[0-9]*/stat; do
    { read -r line <"$file"; } 2>/dev/null || continue
    read -ra fields <<<"${line##*) }" # the name before it may hold anything
    [ ${#fields[@]} -lt 20 ] || printf '%s %s %s %s\n' "${line%% *}" "${fields[1]}" "${fields[0]}" "${fields[19]}"
  done
}

# hold_by_stdin COMMAND...: for a git that starts other people's programs: hooks, credential helpers, remote helpers. It has
# the FIFO as its standard input alone, and git gives every such program another one. So the git itself holds the lock
# as long as it runs, and a daemon that one of them leaves behind does not hold it for as long as that runs. What a
# with-lock runs stays as it is: there every program that is left may be the work that the lock is for.
hold_by_stdin() {
  local level=''
  [ -z "$LOCK_RECORD" ] || [ ! -p "$LOCK_RECORD.alive" ] || level=$BEACON_FD
  case $level in
    '') "$@" ;; # no lock, or no FIFO here
    9) "$@" <&9 9>&- ;;
    8) "$@" <&8 8>&- ;;
    7) "$@" <&7 7>&- ;;
    *) "$@" <&6 6>&- ;;
  esac
}

# As hold_by_stdin, for a git that reads its standard input and says nothing: hooks have another standard output too.
hold_by_stdout() {
  if [ "$BEACON_FD" = 9 ] && [ -p "$LOCK_RECORD.alive" ]; then "$@" >&9 9>&-; else "$@"; fi
}

# describe_hook: the hook that the owner of the lock runs (run_hook.sh). 1 when it runs none.
describe_hook() {
  local name='' since='' token=''
  read -r name since token _ 2>/dev/null <"$STATE/hook" && read_owner && [ -n "$token" ] && [ "$token" = "$OWNER_TOKEN" ] || return 1
  case $since in '' | *[!0-9]*) return 1 ;; esac
  read_epoch
  printf "your repository's %s hook, %s s" "$(visible "$name")" $((NOW - since))
}

# Whether a sync of this repository has started us, as a hook of its own or below one.
runs_inside_a_sync() {
  local common
  [ -n "${CLAUDETOOLS_IN_SYNC:-}" ] || return 1
  common=$(git rev-parse --path-format=absolute --git-common-dir 2>/dev/null) || return 1
  common=${common%/claudetools/trees/*/check*} # its check tree is a repository of its own
  LOCK_DIR=$common/$LOCK_NAME
  read_owner && [ "$OWNER_TOKEN" = "$CLAUDETOOLS_IN_SYNC" ]
}
