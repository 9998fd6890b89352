#!/usr/bin/env bash
# Summary: Sync this repository from time to time.
# Usage: schedule.sh install [--every MINUTES] [--with systemd|launchd|cron|windows] [--dry-run]
#        schedule.sh remove [--dry-run] | status | run [--now]
#
#   install   have the machine's scheduler run it (30 minutes), for this user; again: the new times.
#             MINUTES become what divides an hour or a day
#   remove    take it out again
#   status    what is scheduled, whether the scheduler still has it, and how the last runs ended
#   run       what the scheduler calls: waits a random moment, so that machines do not push in the same second; --now
#             does not. Another sync that runs (75) and a remote that cannot be reached (69) are no failures.
#
# A run saves nobody's unsaved work but that of sessions that have ended, as every sync does. Its words go to
# schedule.log in the state folder, which is turned over at 256 KB. --dry-run says what would be done, and does nothing.
#
# Exit status: 0; 64 usage; 73 the scheduler refused; 78 no repository, not set up, or no scheduler; run: as sync.sh.
set -uo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
lib=$(cd "${lib:-.}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python owner claim lock results repository settings identity schedulers; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh" || exit 70
done

readonly LOG_LIMIT=262144

main() {
  local job=${1:-} every=30 with='' now='' dry=''
  case $job in
    -h | --help) print_header "${BASH_SOURCE[0]}" && exit 0 ;;
    install | remove | status | run) shift ;;
    *) wrong_usage "Say install, remove, status or run." ;;
  esac
  while [ $# -gt 0 ]; do
    case $job$1 in
      install--every | install--with)
        [ $# -ge 2 ] || wrong_usage "$1 needs a value."
        printf -v "${1#--}" '%s' "$2"
        shift
        ;;
      install--dry-run | remove--dry-run) dry=1 ;;
      run--now) now=1 ;;
      *) wrong_usage "Unknown argument: $(visible "$1")" ;;
    esac
    shift
  done
  reset_results
  forget_repository .
  open_repository . && make_state || die "$REPO_EXIT" "${PROBLEMS[0]#*$'\n'}"
  name_task
  "${job}_schedule"
}

# TASK: a name of this working tree alone. SCHEDULED: the little program that the scheduler starts. It lies outside of the
# repository: where that is gone, somebody has to take the job out.
name_task() {
  local sum
  sum=$(printf '%s' "$TOP" | cksum)
  TASK=${TOP##*/}
  TASK=claudetools-${TASK//[!A-Za-z0-9_-]/_}-${sum%% *}
  SCHEDULED=${XDG_STATE_HOME:-$HOME/.local/state}/claudetools/$TASK
}

install_schedule() {
  case $every in '' | *[!0-9]* | 0* | ??????*) wrong_usage "--every wants minutes, not '$(visible "$every")'." ;; esac
  round_time "$every"
  [ -n "$with" ] || with=$(find_scheduler)
  case $with in
    systemd | launchd | cron | windows) ;;
    '') die "$EXIT_SETUP" "This machine has no scheduler that is known here (systemd, launchd, cron, Windows)." \
      "Have something run this: bash $(quoted "$TOOLKIT/scripts/schedule.sh") run" ;;
    *) wrong_usage "--with takes systemd, launchd, cron or windows, not '$(visible "$with")'." ;;
  esac
  load_identity "$TOP" || die "$EXIT_SETUP" "${PROBLEMS[0]#*$'\n'}"
  if [ -n "$dry" ]; then
    say "Would schedule: a sync of $(visible "$TOP") every $EVERY minutes, by $with ($TASK). Nothing was changed."
    return
  fi
  remove_task
  (umask 077 && mkdir -p "${SCHEDULED%/*}") && write_scheduled && "add_to_$with" || die "$EXIT_CANNOT_CREATE" "$with refused: $(visible "${SCHEDULER_WORDS:-no message}")" "Nothing is scheduled."
  printf '%s %s %s %s\n' "$with" "$EVERY" "$TASK" "$TREE" >"$TREE/schedule"
  if "lives_$with"; then
    say "[OK] Scheduled: a sync of $(visible "$TOP") every $EVERY minutes, by $with."
  else
    say "[WARN] Scheduled, but nothing will start it: $(visible "$SCHEDULER_WORDS")."
    say "       $SCHEDULER_MEND"
  fi
  case $with in
    systemd) say "     It runs while you are logged in. Always: loginctl enable-linger" ;;
    windows) say "     It runs while you are logged in and not on battery. Otherwise: Task Scheduler, $TASK, Conditions" ;;
  esac
  say "     See it: $(typed_command schedule) status     take it out: $(typed_command schedule) remove"
}

# EVERY, in minutes: what divides an hour or a day. Of 45 minutes cron would make 45 and 15 in turn.
round_time() {
  local minutes=$1 hours
  if [ "$minutes" -le 60 ]; then
    while [ $((60 % minutes)) -ne 0 ]; do minutes=$((minutes - 1)); done
    EVERY=$minutes
    return
  fi
  [ "$minutes" -le 1440 ] || minutes=1440
  hours=$(((minutes + 30) / 60))
  while [ $((24 % hours)) -ne 0 ]; do hours=$((hours - 1)); done
  EVERY=$((hours * 60))
}

# Schedulers have poor environments and quoting rules of their own: they are given one plain path. Where the repository is
# gone, or a commit that came in took claudetools out of it, the job takes itself out; not while its disk is away.
# shellcheck disable=SC2016 # for the shell that will read it
write_scheduled() {
  local tools=$TOOLKIT/scripts/schedule.sh start
  printf -v start 'bash %q run' "$tools"
  if runs_from_here; then
    tools=$TOP/.claude/scripts/claudetools.sh
    printf -v start 'sh %q . claudetools.sh schedule run' "$STATE/start.sh"
  fi
  {
    printf '#!/usr/bin/env bash\n# Made by schedule.sh install. The scheduler starts this.\nexport PATH=%q\n' "$PATH"
    printf 'tools=%q top=%q\n' "$tools" "$TOP"
    printf 'if [ -e "$tools" ] && [ -e "$top/.git" ]; then cd "$top" && exec %s; fi\n' "$start"
    printf '[ -e "${top%%/*}/" ] || exit 0\n'
    printf 'if [ -e "$top/.git" ]; then printf "claudetools is gone from %%s" "$top"; else printf "%%s is gone" "$top"; fi\n'
    printf 'echo ": this job (%s) takes itself out of %s."\n' "$TASK" "$with"
    "print_way_out_of_$with"
    printf 'rm -f %q "$0"\nrmdir "${0%%/*}" 2>/dev/null\nexit 0\n' "$TREE/schedule"
  } >"$SCHEDULED.new" && chmod 700 "$SCHEDULED.new" && mv "$SCHEDULED.new" "$SCHEDULED"
}

remove_schedule() {
  if [ -n "$dry" ]; then
    if [ -e "$TREE/schedule" ]; then say "Would take out: $TASK. Nothing was changed."; else say "Nothing is scheduled here."; fi
    return
  fi
  remove_task || die "$EXIT_CANNOT_CREATE" "The scheduler refused: $(visible "${SCHEDULER_WORDS:-no message}")"
  say "[OK] Nothing is scheduled for $(visible "$TOP") any more."
}

# Takes out what an earlier install has put in, if it did; of a folder that was moved since, under the old name. The
# original of a copy is still where it was, and keeps what it has.
remove_task() {
  local kind every was place TASK=$TASK
  read -r kind every was place 2>/dev/null <"$TREE/schedule" || return 0
  : "$every"
  [ -z "$was" ] || [ -e "$place" ] || TASK=$was
  case $kind in systemd | launchd | cron | windows) "take_from_$kind" || return ;; esac
  rm -f "$TREE/schedule" "$TREE/scheduled" "${SCHEDULED%/*}/$TASK"
  rmdir "${SCHEDULED%/*}" 2>/dev/null
  return 0
}

status_schedule() {
  local kind every was place
  if ! read -r kind every was place 2>/dev/null <"$TREE/schedule"; then
    say "Scheduled: nothing. To do it: $(typed_command schedule) install"
  elif [ "${was:-$TASK}" != "$TASK" ]; then
    say "[WARN] What is scheduled is $(visible "${place%/.git/*}"): this folder was moved, or is a copy."
    say "       Again: $(typed_command schedule) install --every $every --with $kind"
  elif "knows_$kind" && ! "lives_$kind"; then
    say "[WARN] Scheduled every $every minutes by $kind ($TASK), but nothing will start it: $(visible "$SCHEDULER_WORDS")."
    say "       $SCHEDULER_MEND"
  elif "knows_$kind"; then
    say "Scheduled: every $every minutes, by $kind ($TASK)."
  else
    say "[WARN] $kind does not have it any more, or does not answer: $(visible "${SCHEDULER_WORDS:-no message}")"
    say "       Again: $(typed_command schedule) install --every $every --with $kind"
  fi
  [ -s "$STATE/schedule.log" ] || { say "No run yet." && return 0; }
  say "Last runs ($(visible "$STATE/schedule.log")):"
  grep -E '^[0-9-]{10} [0-9:]{8} exit ' "$STATE/schedule.log" | tail -n 5
}

run_schedule() {
  local out status kind every=30 rest spread
  read -r kind every rest 2>/dev/null <"$TREE/schedule" || now=1 # nothing of ours starts it at fixed times
  : "${kind:-}${rest:-}"
  spread=$((every * 6))
  [ "$spread" -le 300 ] || spread=300
  [ -n "$now" ] || [ -t 0 ] || sleep $((RANDOM % spread))
  turn_log_over
  leave_session
  unset CLAUDECODE
  export CLAUDETOOLS_SESSION_TITLE='scheduled sync'
  out=$(bash "$TOOLKIT/scripts/sync.sh" --quiet 2>&1)
  status=$?
  {
    printf '%s exit %s %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$status" "${out%%$'\n'*}"
    case $status$out in
      "$EXIT_OK"* | "$EXIT_DEFERRED"* | "${EXIT_OFFLINE}[OK]"*) ;;
      *) printf '%s\n' "$out" | sed 's/^/  /' ;;
    esac
  } >>"$STATE/schedule.log"
  # The next run catches up; a scheduler that mails about each failure would cry wolf.
  case $status in "$EXIT_DEFERRED" | "$EXIT_OFFLINE") status=0 ;; esac
  exit "$status"
}

turn_log_over() {
  local log=$STATE/schedule.log old=$STATE/schedule.log.$$
  is_long "$log" && mv "$log" "$old" 2>/dev/null || return 0
  # Of two runs that find it long the second one has the new log in its hands: that goes back.
  if is_long "$old"; then mv "$old" "$log.1"; else cat "$old" >>"$log" && rm -f "$old"; fi
}

is_long() {
  local size
  [ -e "$1" ] && size=$(wc -c <"$1") && [ "$size" -ge "$LOG_LIMIT" ]
}

main "$@"
