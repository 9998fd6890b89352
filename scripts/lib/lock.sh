# shellcheck shell=bash
# The lock: a directory made with mkdir, whose `owner` is a hard link to the owner's own record.
#
#   L          <git common dir>/claudetools-sync.lock/     the container; empty means free
#   L/owner    appears only by link(2) while absent: the linearization point of taking the lock
#   R          claudetools/claims/<boot>.<pid>.<start>.<token>   this process's record, its name and text never reused
#   R.alive    a FIFO that this process and all its children hold open: the beacon
#
# One test decides ownership: [ L/owner -ef R ]. Exit codes of mkdir and ln decide nothing: some lie.
# Only an owner that is proved dead is cleared, and only by Python under a kernel lock (pylib/claudetools/lock/).
# An old lock is never a reason; a silent owner is never a reason. CONTRIBUTING.md has the races by name.
# Needs: environment, exit_codes, ui, python, owner, claim.
# Sets: LOCK_HELD LOCK_MESSAGE LOCK_RECORD LOCK_SCRATCH LOCK_SERVED LOCK_WAITED.

# try_lock: 0 ours; 1 somebody else has it; 2 something that is no lock of ours is in the way; 3 cannot be created.
try_lock() {
  local owner=$LOCK_DIR/owner mkdir_text ln_text
  if [ ! -e "$owner" ] && [ ! -L "$owner" ]; then
    [ -d "$LOCK_DIR" ] || mkdir -m 700 "$LOCK_DIR" 2>/dev/null
    ln "$LOCK_RECORD" "$owner" 2>/dev/null
  fi
  ! is_lock_ours || return 0
  # Each test asks for what is there: "exists" and then "no file" could be two answers about an owner that just left.
  if [ -L "$owner" ] || [ -d "$owner" ] || [ -p "$owner" ] || [ -S "$owner" ] || [ -b "$owner" ] || [ -c "$owner" ]; then
    LOCK_MESSAGE="$owner is not a plain file"
    return 2
  fi
  if [ -e "$owner" ]; then
    LOCK_ODD=0
    return 1
  fi
  # Once more, for the reason: to catch the words of every first try would cost two more processes.
  mkdir_text='' ln_text=''
  [ -d "$LOCK_DIR" ] || mkdir_text=$(mkdir -m 700 "$LOCK_DIR" 2>&1)
  ln_text=$(ln "$LOCK_RECORD" "$owner" 2>&1)
  ! is_lock_ours || return 0
  LOCK_MESSAGE=${mkdir_text:-${ln_text:-"ln made no $owner and gave no reason"}}
  weigh_failure "$mkdir_text" "$ln_text"
}

# The container or the owner came or went between two steps: look again (1). A lost race repeats itself by chance only;
# a container that cannot be made (or is a link to nowhere) and an ln that does nothing do so every time (3).
weigh_failure() {
  local mkdir_text=$1 ln_text=$2
  case $ln_text in
    '') LOCK_ODD=$((LOCK_ODD + 1)) ;; # a lost race too, when ln says nothing of it: weighs little
    *'File exists'* | *'No such file'*)
      case $mkdir_text in
        '') LOCK_ODD=0 ;;
        *'File exists'*) if [ -L "$LOCK_DIR" ]; then LOCK_ODD=$((LOCK_ODD + 3)); else LOCK_ODD=0; fi ;;
        *) LOCK_ODD=$((LOCK_ODD + 3)) ;;
      esac
      ;;
    *) return 3 ;;
  esac
  [ "$LOCK_ODD" -lt 8 ] || return 3
  return 1
}

is_lock_ours() {
  [ "$LOCK_DIR/owner" -ef "$LOCK_RECORD" ] || return 1
  LOCK_HELD=1 LOCK_MESSAGE=''
}

# acquire_lock SECONDS [WAITING SERVED]: waits that long for a live owner. 0, 73 or 75; LOCK_MESSAGE says why. The command
# WAITING is called once when somebody else has the lock; 1 with LOCK_SERVED as soon as SERVED says that it is not needed.
acquire_lock() {
  local waiting=${2:-:} served=${3:-false} limit_ms=$(($1 * 1000)) began now waited step=0 named='' judged=-1000000 late=0 unjudged='' status
  LOCK_ODD=0 LOCK_WAITED='' LOCK_SERVED=''
  read_clock
  began=$NOW_MS
  while ! "$served"; do
    try_lock
    status=$?
    case $status in
      0)
        read_clock
        [ -z "$named" ] || info "Got the lock after $(((NOW_MS - began) / 1000)) s."
        return 0
        ;;
      2) return "$EXIT_CANNOT_CREATE" ;;
      3)
        rmdir "$LOCK_DIR" 2>/dev/null || :
        return "$EXIT_CANNOT_CREATE"
        ;;
    esac
    [ -n "$LOCK_WAITED" ] || "$waiting"
    LOCK_WAITED=1
    read_clock
    now=$NOW_MS waited=$((NOW_MS - began))
    if is_time_to_judge "$waited" "$limit_ms" $((now - judged)); then
      judge_owner
      status=$?
      judged=$now unjudged=''
      case $status in
        0)
          # Out of time, yet free whenever we look: try on, but not for ever.
          [ "$waited" -lt "$limit_ms" ] || late=$((late + 1))
          [ "$late" -ge 20 ] || continue
          ;;
        1) ;;
        2) unjudged=1 ;;
        *) return "$EXIT_CANNOT_CREATE" ;;
      esac
    fi
    if [ "$waited" -ge "$limit_ms" ]; then
      [ -z "$unjudged" ] || return "$EXIT_CANNOT_CREATE"
      [ -e "$LOCK_DIR/owner" ] || [ "$late" -ge 20 ] || continue
      return "$EXIT_DEFERRED"
    fi
    if [ -z "$named" ] && [ "$waited" -ge 2000 ]; then
      named=1
      info "Waiting up to $1 s: $(describe_owner)"
    fi
    step=$((step + 1))
    wait_step "$step" $((limit_ms - waited))
  done
  LOCK_SERVED=1
  return 1
}

# is_time_to_judge WAITED LIMIT SINCE, all in ms; SINCE the last time. Python costs as much as a short sync: it is asked
# at once only when the owner's pid is visibly gone.
is_time_to_judge() {
  { ! owner_seems_alive && [ "$3" -ge 250 ]; } || { [ "$1" -ge 1000 ] && [ "$3" -ge 5000 ]; } || [ "$1" -ge "$2" ]
}

# Grows with the square of the step up to half a second, less up to a quarter so that waiters do not march in step.
wait_step() {
  local step=$1 left=$2 ms
  ms=$((10 * step * step))
  [ "$ms" -le 500 ] || ms=500
  ms=$((ms - RANDOM % (ms / 4 + 1)))
  [ "$ms" -le "$left" ] || ms=$left
  [ "$ms" -gt 0 ] || ms=1
  listen "$ms"
}

# 0 the way is free, try again; 1 held by a live owner; 2 no answer this time; 73 nobody here can tell, a person has to.
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
      ! read_owner || find_stopped
      LOCK_MESSAGE+=${STOPPED:+ $STOPPED}
      return 1
      ;;
    *)
      LOCK_MESSAGE="the owner could not be judged: ${verdict:-no answer}"
      return 2
      ;;
  esac
}

# Before every push and every move of a ref: a lock that a person broke must stop us, not be discovered later.
# A nested lock counts only while every level above it stands.
verify_lock() {
  local i
  [ -n "$LOCK_HELD" ] && [ "$LOCK_DIR/owner" -ef "$LOCK_RECORD" ] || return 1
  for ((i = 0; i < ${#LOCK_ABOVE[@]}; i += 2)); do
    [ "${LOCK_ABOVE[i]}" -ef "${LOCK_ABOVE[i + 1]}" ] || return 1
  done
}

# Our own lock and nobody else's. 70 when it is not ours any more. Safe to call twice.
release_lock() {
  local owner=$LOCK_DIR/owner status=0
  [ -n "$LOCK_RECORD" ] || return 0
  # The link decides, not LOCK_HELD: a signal may have come between ln and our taking note of it.
  if [ "$owner" -ef "$LOCK_RECORD" ]; then
    # In this order: while R exists its inode cannot be reused, so the test above stays true until owner is gone.
    rm -f ${LOCK_SCRATCH[@]+"${LOCK_SCRATCH[@]}"} "$owner" "$LOCK_RECORD" "$LOCK_RECORD.alive" \
      ${LOCK_LITTER[@]+"${LOCK_LITTER[@]}"} || status=$EXIT_INTERNAL
    rmdir "$LOCK_DIR" 2>/dev/null || : # the next owner may be in already
  else
    if [ -n "$LOCK_HELD" ]; then
      error "The lock was taken from this run (process $$). Nothing was removed."
      status=$EXIT_INTERNAL
    fi
    rm -f "$LOCK_RECORD" "$LOCK_RECORD.alive" ${LOCK_LITTER[@]+"${LOCK_LITTER[@]}"} || :
  fi
  LOCK_HELD='' LOCK_RECORD='' LOCK_SCRATCH=()
  douse_beacon
  return "$status"
}
