# shellcheck shell=bash
# Where a repository's lock is and who has it, for those who look and for those who take it (lock.sh).
# Needs: environment, ui, claim.

LOCK_DIR=''     # L
LOCK_RECORD=''  # R, '' when no claim is prepared
LOCK_TOKEN=''   # 128 random bits
LOCK_HELD=''    # 1 while we believe that we own L
LOCK_MESSAGE='' # what the last failure said
LOCK_LITTER=()  # files that go together with the lock, in the same program
LOCK_SCRATCH=() # files that go just before it, for the next owner uses the same names
LOCK_SERVED=''  # 1 when acquire_lock failed because the lock is not needed any more
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

# Whether a sync of this repository has started us, as a hook of its own or below one.
runs_inside_a_sync() {
  local common
  [ -n "${CLAUDETOOLS_IN_SYNC:-}" ] || return 1
  common=$(git rev-parse --path-format=absolute --git-common-dir 2>/dev/null) || return 1
  LOCK_DIR=$common/$LOCK_NAME
  read_owner && [ "$OWNER_TOKEN" = "$CLAUDETOOLS_IN_SYNC" ]
}
