# shellcheck shell=bash
# The lock: a directory made with mkdir, whose `owner` is a hard link to the owner's own record.
#
#   L          <git common dir>/claudetools-sync.lock/     the container; empty means free
#   L/owner    appears only by link(2) while absent: the linearization point of taking the lock
#   R          claudetools/claims/<boot>.<pid>.<start>.<token>   this process's record, its name and text never reused
#   R.alive    a FIFO that this process and all its children hold open: the beacon
#
# One test decides ownership: [ L/owner -ef R ]. Exit codes of mkdir and ln decide nothing: some lie.
# Only an owner that is proved dead is cleared, and only by Python under a kernel lock (pylib/claudetools/lock.py).
# An old lock is never a reason; a silent owner is never a reason. CONTRIBUTING.md has the races by name.
# Needs: environment, exit_codes, ui, python.

LOCK_DIR=''     # L
LOCK_RECORD=''  # R, '' when no claim is prepared
LOCK_TOKEN=''   # 128 random bits
LOCK_HELD=''    # 1 while we believe that we own L
LOCK_MESSAGE='' # what the last failure said

new_token() {
  if read -r LOCK_TOKEN 2>/dev/null </proc/sys/kernel/random/uuid; then
    LOCK_TOKEN=${LOCK_TOKEN//-/}
  else
    LOCK_TOKEN=$(od -An -N16 -tx1 /dev/urandom) || return 1
    LOCK_TOKEN=${LOCK_TOKEN//[$' \n']/}
  fi
  [ ${#LOCK_TOKEN} -eq 32 ]
}

# Sets BOOT_ID, MACHINE_ID, PROCESS_START, PROCESS_WINPID. A field that this system does not tell stays "unknown".
read_process_facts() {
  local stat fields
  BOOT_ID=unknown MACHINE_ID=unknown PROCESS_START=unknown PROCESS_WINPID=''
  if [ -r /proc/sys/kernel/random/boot_id ]; then
    read -r BOOT_ID </proc/sys/kernel/random/boot_id
    BOOT_ID=${BOOT_ID//-/}
  elif [ "${OSTYPE#darwin}" != "$OSTYPE" ]; then
    BOOT_ID=$(sysctl -n kern.bootsessionuuid 2>/dev/null) || BOOT_ID=unknown
    BOOT_ID=${BOOT_ID//-/}
  fi
  if [ -r /etc/machine-id ]; then read -r MACHINE_ID </etc/machine-id || MACHINE_ID=unknown; fi
  [ "$MACHINE_ID" != unknown ] || MACHINE_ID=host-${HOSTNAME:-unknown}
  if [ -r "/proc/$$/winpid" ]; then
    read -r PROCESS_WINPID <"/proc/$$/winpid"
  elif [ -r "/proc/$$/stat" ]; then
    read -r stat <"/proc/$$/stat"
    # The second field is the program's name in parentheses and may hold anything: count from the last ")".
    stat=${stat##*) }
    read -ra fields <<<"$stat"
    PROCESS_START=${fields[19]}
  fi
}

# prepare_claim STATE TITLE: writes R and opens the beacon. STATE is the toolkit's state folder.
prepare_claim() {
  local state=$1 title=$2 record
  LOCK_MESSAGE=''
  new_token || {
    LOCK_MESSAGE='no source of random numbers (/dev/urandom)'
    return "$EXIT_CANNOT_CREATE"
  }
  read_process_facts
  if [ ! -d "$state/claims" ]; then
    LOCK_MESSAGE=$( (umask 077 && mkdir -p "$state/claims") 2>&1) || return "$EXIT_CANNOT_CREATE"
  fi
  record=$state/claims/$BOOT_ID.$$.$PROCESS_START.$LOCK_TOKEN
  # Only the redirection's own text tells why it failed, hence the group.
  {
    LOCK_MESSAGE=$({
      set -C
      umask 077
      printf 'protocol=1\ntoken=%s\npid=%s\nstart=%s\nboot=%s\nmachine=%s\nhost=%s\nuser=%s\nwinpid=%s\nsince=%s\ntitle=%s\n' \
        "$LOCK_TOKEN" $$ "$PROCESS_START" "$BOOT_ID" "$MACHINE_ID" "${HOSTNAME:-}" "${USER:-${LOGNAME:-}}" \
        "$PROCESS_WINPID" "$(epoch_now)" "$title" >"$record"
    } 2>&1)
  } || {
    rm -f "$record"
    return "$EXIT_CANNOT_CREATE"
  }
  LOCK_RECORD=$record
  # Without FIFOs (Git Bash) the beacon is missing: orphaned children are not seen there.
  if mkfifo -m 600 "$record.alive" 2>/dev/null; then
    exec 9<>"$record.alive"
    export CLAUDETOOLS_BEACON_FD=9
  fi
}

# try_lock: 0 ours; 1 somebody else has it; 2 something that is no lock of ours is in the way; 3 cannot be created.
try_lock() {
  local owner=$LOCK_DIR/owner mkdir_text ln_text
  if [ ! -e "$owner" ] && [ ! -L "$owner" ]; then
    mkdir_text=''
    [ -d "$LOCK_DIR" ] || mkdir_text=$(mkdir -m 700 "$LOCK_DIR" 2>&1)
    ln_text=$(ln "$LOCK_RECORD" "$owner" 2>&1)
  else
    mkdir_text='' ln_text='File exists'
  fi
  if [ "$owner" -ef "$LOCK_RECORD" ]; then
    LOCK_HELD=1
    return 0
  fi
  if [ -L "$owner" ] || { [ -e "$owner" ] && [ ! -f "$owner" ]; }; then
    LOCK_MESSAGE="$owner is not a plain file"
    return 2
  fi
  [ -e "$owner" ] && return 1
  LOCK_MESSAGE=${mkdir_text:-$ln_text}
  case $ln_text in
    *'File exists'* | *'No such file'*)
      # The container came or went between two steps: look again, unless it cannot be made at all.
      [ -n "$mkdir_text" ] && [ ! -d "$LOCK_DIR" ] && LOCK_ABSENT=$((LOCK_ABSENT + 1))
      [ "$LOCK_ABSENT" -lt 3 ] || return 3
      return 1
      ;;
    *) return 3 ;;
  esac
}

# acquire_lock SECONDS: waits that long for a live owner. 0, 73 or 75; LOCK_MESSAGE says why.
acquire_lock() {
  local limit_ms=$(($1 * 1000)) began now step=0 named='' judged=-1000000 verdict status
  LOCK_ABSENT=0
  began=$(monotonic_ms)
  while :; do
    try_lock
    status=$?
    case $status in
      0)
        now=$(monotonic_ms)
        [ -z "$named" ] || info "Got the lock after $(((now - began) / 1000)) s."
        return 0
        ;;
      2) return "$EXIT_CANNOT_CREATE" ;;
      3) return "$EXIT_CANNOT_CREATE" ;;
    esac
    now=$(monotonic_ms)
    # Python costs as much as a short sync: ask it at once only when the owner's pid is visibly gone.
    if { ! owner_seems_alive && [ $((now - judged)) -ge 250 ]; } ||
      { [ $((now - began)) -ge 1000 ] && [ $((now - judged)) -ge 5000 ]; } ||
      [ $((now - began)) -ge "$limit_ms" ]; then
      judge_owner
      status=$?
      judged=$now
      case $status in
        0) continue ;;
        "$EXIT_CANNOT_CREATE") return "$EXIT_CANNOT_CREATE" ;;
      esac
    fi
    if [ $((now - began)) -ge "$limit_ms" ]; then
      [ -e "$LOCK_DIR/owner" ] || continue
      return "$EXIT_DEFERRED"
    fi
    if [ -z "$named" ] && [ $((now - began)) -ge 2000 ]; then
      named=1
      info "Waiting: $(describe_owner) Up to $1 s."
    fi
    step=$((step + 1))
    wait_step "$step" $((limit_ms - (now - began)))
  done
}

# Grows with the square of the step up to half a second, less up to a quarter so that waiters do not march in step.
wait_step() {
  local step=$1 left=$2 ms
  ms=$((10 * step * step))
  [ "$ms" -le 500 ] || ms=500
  ms=$((ms - RANDOM % (ms / 4 + 1)))
  [ "$ms" -le "$left" ] || ms=$left
  [ "$ms" -gt 0 ] || ms=1
  pause "$ms"
}

# Sets OWNER_PID, OWNER_BOOT, OWNER_TITLE, OWNER_SINCE, OWNER_HOST, OWNER_TOKEN from L/owner.
read_owner() {
  local key value
  OWNER_PID='' OWNER_BOOT='' OWNER_TITLE='' OWNER_SINCE='' OWNER_HOST='' OWNER_TOKEN=''
  [ -r "$LOCK_DIR/owner" ] || return 1
  while IFS='=' read -r key value; do
    case $key in
      pid) OWNER_PID=$value ;;
      boot) OWNER_BOOT=$value ;;
      title) OWNER_TITLE=$value ;;
      since) OWNER_SINCE=$value ;;
      host) OWNER_HOST=$value ;;
      token) OWNER_TOKEN=$value ;;
    esac
  done 2>/dev/null <"$LOCK_DIR/owner"
  return 0
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
  local since=''
  case $OWNER_SINCE in '' | *[!0-9]*) ;; *) since=" since $(clock_time "$OWNER_SINCE")" ;; esac
  printf "'%s' on %s has the lock%s (process %s)." "$(visible "${OWNER_TITLE:-sync}")" \
    "$(visible "${OWNER_HOST:-this machine}")" "$since" "$(visible "$OWNER_PID")"
}

# 0 the way is free, try again; 1 held by a live owner; 73 nobody here can tell, a person has to.
judge_owner() {
  local verdict
  if ! find_python; then
    LOCK_MESSAGE="$(describe_owner) Whether it still runs cannot be judged without Python $PYTHON_FLOOR."
    owner_seems_alive && return 1
    return "$EXIT_CANNOT_CREATE"
  fi
  verdict=$(run_python_with_packages lock judge "$LOCK_DIR" "$LOCK_STATE" "$MACHINE_ID" "$BOOT_ID")
  case $verdict in
    CLEARED* | GONE*)
      [ "${verdict%% *}" = GONE ] || info "${verdict#* }"
      return 0
      ;;
    FOREIGN*)
      LOCK_MESSAGE=${verdict#* }
      return "$EXIT_CANNOT_CREATE"
      ;;
    HELD*)
      LOCK_MESSAGE=${verdict#* }
      return 1
      ;;
    *)
      LOCK_MESSAGE="the owner could not be judged: ${verdict:-no answer}"
      return 1
      ;;
  esac
}

# Before every push and every move of a ref: a lock that a person broke must stop us, not be discovered later.
verify_lock() { [ -n "$LOCK_HELD" ] && [ "$LOCK_DIR/owner" -ef "$LOCK_RECORD" ]; }

# Our own lock and nobody else's. 70 when it is not ours any more. Safe to call twice.
release_lock() {
  local owner=$LOCK_DIR/owner status=0
  [ -n "$LOCK_RECORD" ] || return 0
  if [ -z "$LOCK_HELD" ]; then
    rm -f "$LOCK_RECORD" "$LOCK_RECORD.alive"
  elif [ "$owner" -ef "$LOCK_RECORD" ]; then
    # In this order: while R exists its inode cannot be reused, so the test above stays true until owner is gone.
    rm -f "$owner" "$LOCK_RECORD" "$LOCK_RECORD.alive"
    rmdir "$LOCK_DIR" 2>/dev/null # the next owner may be in already
  else
    error "The lock was taken from this run (process $$). Nothing was removed."
    rm -f "$LOCK_RECORD" "$LOCK_RECORD.alive"
    status=$EXIT_INTERNAL
  fi
  LOCK_HELD='' LOCK_RECORD=''
  exec 9>&-
  return "$status"
}

# use_lock COMMON_DIR: names the lock and state of one repository, or of the level inside our own with-lock.
# Sets STATE, the toolkit's state folder there.
use_lock() {
  local common=$1 token=${CLAUDETOOLS_REENTER:-}
  STATE=$common/claudetools
  LOCK_STATE=$STATE
  LOCK_DIR=$common/claudetools-sync.lock
  [ -n "$token" ] || return 0
  read_owner && [ "$OWNER_TOKEN" = "$token" ] || return 0
  LOCK_STATE=$STATE/nested/$token
  LOCK_DIR=$LOCK_STATE/lock
  (umask 077 && mkdir -p "$LOCK_STATE/claims")
}

# Claims of processes that died outside the lock: their pid is gone, which the shell sees without a program.
claims_look_dead() {
  local claim name pid
  for claim in "$LOCK_STATE"/claims/*; do
    case $claim in *.alive | "$LOCK_RECORD" | *'/*') continue ;; esac
    name=${claim##*/}
    case $name in dead.*) return 0 ;; esac
    pid=${name#*.}
    pid=${pid%%.*}
    case $pid in '' | *[!0-9]*) return 0 ;; esac
    [ "${name%%.*}" = "$BOOT_ID" ] && kill -0 "$pid" 2>/dev/null || return 0
  done
  return 1
}
