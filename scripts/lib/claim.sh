# shellcheck shell=bash
# The claim R and its beacon: what a process writes down of itself before it tries the lock (lock.sh says how it is used).
#
#   R          claudetools/claims/<boot>.<pid>.<start>.<token>   its name and text are never reused
#   R.alive    a FIFO that this process and all its children hold open: the beacon
#
# Needs: environment, exit_codes, ui.
# Sets: BEACON_FD BOOT_ID LOCK_MESSAGE LOCK_RECORD LOCK_TOKEN MACHINE_ID.

# Each level of nesting keeps the beacons of the levels above open: when an outer with-lock is killed, the program
# inside still works under its lock. Hence a descriptor of its own for every level: 9, 8, 7, 6.
case ${CLAUDETOOLS_BEACON_FD:-} in
  [7-9]) BEACON_FD=$((CLAUDETOOLS_BEACON_FD - 1)) ;;
  6) BEACON_FD='' ;;
  *) BEACON_FD=9 ;;
esac

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
  case $MACHINE_ID in '' | unknown | uninitialized) MACHINE_ID=host-${HOSTNAME:-unknown} ;; esac
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
  local state=$1 title=${2:0:200} record
  title=${title//[$'\r\n']/ } # one line, or it could forge another field
  LOCK_MESSAGE=''
  new_token || {
    LOCK_MESSAGE='no source of random numbers (/dev/urandom)'
    return "$EXIT_CANNOT_CREATE"
  }
  read_process_facts
  read_epoch
  if [ ! -d "$state/claims" ]; then
    LOCK_MESSAGE=$( (umask 077 && mkdir -p "$state/claims") 2>&1) || :
    [ -d "$state/claims" ] || return "$EXIT_CANNOT_CREATE"
  fi
  record=$state/claims/$BOOT_ID.$$.$PROCESS_START.$LOCK_TOKEN
  write_record "$record" "$title" 2>/dev/null || {
    rm -f "$record"
    LOCK_MESSAGE=$(write_record "$record" "$title" 2>&1) || {
      rm -f "$record"
      LOCK_MESSAGE="$state/claims: ${LOCK_MESSAGE##*: }" # without the line of ours where it failed
      return "$EXIT_CANNOT_CREATE"
    }
  }
  LOCK_RECORD=$record
  light_beacon "$record.alive" || {
    rm -f "$record" "$record.alive"
    LOCK_RECORD=''
    return "$EXIT_CANNOT_CREATE"
  }
}

# Exclusively, and whole. Its folder is private. What it says on stderr tells why it failed.
write_record() {
  local status
  set -C
  printf 'protocol=1\ntoken=%s\npid=%s\nstart=%s\nboot=%s\nmachine=%s\nhost=%s\nuser=%s\nwinpid=%s\nsince=%s\ntitle=%s\n' \
    "$LOCK_TOKEN" $$ "$PROCESS_START" "$BOOT_ID" "$MACHINE_ID" "${HOSTNAME:-}" "${USER:-${LOGNAME:-}}" \
    "$PROCESS_WINPID" "$NOW" "$2" >"$1"
  status=$?
  set +C
  return "$status"
}

# Without FIFOs (Git Bash, some file systems) the beacon is missing and orphaned children are not seen. A full disk is
# no such reason: a lock without a beacon would be cleared under a child that still writes.
light_beacon() {
  local fifo=$1 text
  case ${OSTYPE:-} in msys* | cygwin*) return 0 ;; esac
  mkfifo -m 600 "$fifo" 2>/dev/null || text=$(mkfifo -m 600 "$fifo" 2>&1) || {
    case $text in *'not permitted'* | *'not supported'* | *'not implemented'*) return 0 ;; esac
    LOCK_MESSAGE=${text:-"mkfifo $fifo failed"}
    return 1
  }
  # bash 3.2 takes a descriptor's number only literally.
  case $BEACON_FD in
    9) exec 9<>"$fifo" ;;
    8) exec 8<>"$fifo" ;;
    7) exec 7<>"$fifo" ;;
    6) exec 6<>"$fifo" ;;
    *)
      LOCK_MESSAGE='locks are nested more than four deep'
      return 1
      ;;
  esac
  export CLAUDETOOLS_BEACON_FD=$BEACON_FD
}

# listen MILLISECONDS: waits that long, or until somebody rings (queue.sh): the beacon is our bell as well.
listen() {
  local seconds
  if [ "${BASH_VERSINFO[0]}" -lt 4 ] || [ ! -p "$LOCK_RECORD.alive" ]; then
    pause "$1"
    return
  fi
  printf -v seconds '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
  read -r -t "$seconds" -u "$BEACON_FD" _ || :
}

douse_beacon() {
  case $BEACON_FD in
    9) exec 9>&- ;;
    8) exec 8>&- ;;
    7) exec 7>&- ;;
    6) exec 6>&- ;;
  esac
}

# Claims of processes that died outside the lock: their pid is gone, which the shell sees without a program.
claims_look_dead() {
  local claim name pid
  for claim in "$LOCK_STATE"/nested/*; do
    [ ! -d "$claim" ] || return 0 # of a with-lock that was killed: the holder of the top lock has no level below
  done
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
