# shellcheck shell=bash
# The schedulers that machines have. Each has add_to_, take_from_, knows_ (it is entered) and lives_ (something will start
# it) for TASK, which starts SCHEDULED; their words are in SCHEDULER_WORDS when they fail; print_way_out_of_ prints take_from_ for a shell that has none of this. EVERY is in minutes: up to 60, or whole hours, or a day.
# Needs: ui, repository.
# Sets: SCHEDULER_MEND SCHEDULER_WORDS.

find_scheduler() {
  case $(uname -s) in
    Darwin) printf 'launchd' ;;
    MINGW* | MSYS* | CYGWIN*) printf 'windows' ;;
    *)
      if command -v systemctl >/dev/null && systemctl --user show-environment >/dev/null 2>&1; then
        printf 'systemd'
      elif command -v crontab >/dev/null; then
        printf 'cron'
      fi
      ;;
  esac
}

# asked COMMAND...: runs it and keeps its words.
asked() { SCHEDULER_WORDS=$("$@" 2>&1); }

# --- systemd, of the user -------------------------------------------------------

units_folder() { printf '%s/systemd/user' "${XDG_CONFIG_HOME:-$HOME/.config}"; }

add_to_systemd() {
  local folder
  folder=$(units_folder)
  asked mkdir -p "$folder" && write_units "$folder" && asked systemctl --user daemon-reload &&
    asked systemctl --user enable --now "$TASK.timer"
}

write_units() {
  local folder=$1 program=$SCHEDULED when="*:0/$EVERY"
  # In a unit, % and $ begin something, and quotes hold what \ does not.
  program=${program//\\/\\\\} program=${program//\"/\\\"} program=${program//%/%%} program=${program//\$/\$\$}
  if [ "$EVERY" -gt 720 ]; then when='*-*-* 00:00'; elif [ "$EVERY" -ge 60 ]; then when="0/$((EVERY / 60)):00"; fi
  printf '%s\n' '[Unit]' "Description=Sync of ${TOP//%/%%} (claudetools)" '[Service]' 'Type=oneshot' 'Nice=10' \
    "ExecStart=/usr/bin/env bash \"$program\"" >"$folder/$TASK.service" &&
    printf '%s\n' '[Unit]' "Description=Sync of ${TOP//%/%%} from time to time (claudetools)" '[Timer]' "OnCalendar=$when" \
      'RandomizedDelaySec=60' 'Persistent=true' '[Install]' 'WantedBy=timers.target' >"$folder/$TASK.timer"
}

take_from_systemd() {
  local folder
  folder=$(units_folder)
  [ ! -e "$folder/$TASK.timer" ] || asked systemctl --user disable --now "$TASK.timer" || return
  rm -f "$folder/$TASK.timer" "$folder/$TASK.service"
  asked systemctl --user daemon-reload
}

print_way_out_of_systemd() {
  printf 'systemctl --user disable --now %s.timer\nrm -f %q %q\n' "$TASK" "$(units_folder)/$TASK.timer" "$(units_folder)/$TASK.service"
}

lives_systemd() {
  SCHEDULER_MEND="See: systemctl --user status $TASK.timer"
  asked systemctl --user is-active "$TASK.timer"
}

knows_systemd() { asked systemctl --user is-enabled "$TASK.timer"; }

# --- launchd ---------------------------------------------------------------------

plist_path() { printf '%s/Library/LaunchAgents/%s.plist' "$HOME" "$TASK"; }

add_to_launchd() {
  local plist
  plist=$(plist_path)
  asked mkdir -p "${plist%/*}" && write_plist "$plist" && asked launchctl bootstrap "gui/$(id -u)" "$plist"
}

write_plist() {
  local program=$SCHEDULED amp='&amp;' lt='&lt;' gt='&gt;'
  # In quotes: newer shells take a bare & there for what was found.
  program=${program//&/"$amp"} program=${program//</"$lt"} program=${program//>/"$gt"}
  cat >"$1" <<EOF
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>$TASK</string>
  <key>ProgramArguments</key><array><string>/bin/bash</string><string>$program</string></array>
  <key>StartInterval</key><integer>$((EVERY * 60))</integer>
  <key>ProcessType</key><string>Background</string>
</dict>
</plist>
EOF
}

take_from_launchd() {
  local plist
  plist=$(plist_path)
  [ -e "$plist" ] || return 0
  asked launchctl bootout "gui/$(id -u)/$TASK"
  rm -f "$plist"
}

# shellcheck disable=SC2016 # for the shell that will read it
print_way_out_of_launchd() { printf 'rm -f %q\nlaunchctl bootout "gui/$(id -u)/%s"\n' "$(plist_path)" "$TASK"; }

lives_launchd() { :; } # what launchd knows, it runs

knows_launchd() { asked launchctl print "gui/$(id -u)/$TASK"; }

# --- cron ------------------------------------------------------------------------

# The other lines of the table stay as they are, byte by byte.
add_to_cron() {
  local line minute=$((RANDOM % 60)) program
  read_crontab || return
  case $EVERY in
    1440) line="$minute 3 * * *" ;;
    [1-9] | [1-5][0-9]) line="*/$EVERY * * * *" ;;
    *) line="$minute */$((EVERY / 60)) * * *" ;;
  esac
  program=${SCHEDULED//\'/\'\\\'\'}
  program="'${program//%/\\%}'" # cron ends a command at %
  write_crontab "${TABLE:+$TABLE$'\n'}$line [ ! -e $program ] || bash $program # $TASK"
}

# TABLE. 1 when there is one that cannot be read: writing a new one would lose it.
read_crontab() {
  TABLE=$(crontab -l 2>"$WORK/error") && return 0
  SCHEDULER_WORDS=$(<"$WORK/error")
  case $SCHEDULER_WORDS in *[Nn]'o crontab'*) ;; *) return 1 ;; esac
}

# From stdin: as a file, crontab knows names of 100 bytes at most.
write_crontab() { SCHEDULER_WORDS=$(printf '%s' "${1:+$1$'\n'}" | crontab - 2>&1); }

take_from_cron() {
  read_crontab || return
  case $TABLE in *"# $TASK"*) ;; *) return 0 ;; esac
  write_crontab "$(printf '%s\n' "$TABLE" | grep -v -F "# $TASK")"
}

# shellcheck disable=SC2016 # for the shell that will read it
print_way_out_of_cron() {
  printf 'table=$(crontab -l) && printf "%%s\\n" "$table" | grep -v -F "# %s" | crontab -\n' "$TASK"
}

knows_cron() {
  read_crontab || return
  SCHEDULER_WORDS="no line with $TASK"
  case $TABLE in *"# $TASK"*) ;; *) return 1 ;; esac
}

# shellcheck disable=SC2009 # pgrep is not everywhere
# A crontab without a daemon (containers, WSL, small servers) is never read. Sets SCHEDULER_WORDS and SCHEDULER_MEND.
lives_cron() {
  local file name='' daemon
  [ "$(uname -s)" != Darwin ] || return 0 # launchd starts it
  if [ -r /proc/1/comm ]; then
    for file in /proc/[0-9]*/comm; do
      read -r name 2>/dev/null <"$file" || continue
      case $name in cron | crond | fcron) return 0 ;; esac
    done
    [ ! -e /run/systemd/generator/cron.target ] || return 0 # systemd-cron makes timers of it
  elif ps -A -o comm= 2>/dev/null | grep -Eq '(^|/)f?crond?$'; then
    return 0
  fi
  SCHEDULER_WORDS='no cron daemon runs on this machine, as far as can be seen'
  SCHEDULER_MEND='Install one: sudo apt-get install cron && sudo service cron start'
  for daemon in cron crond; do
    [ -z "$(PATH=$PATH:/usr/sbin:/sbin && command -v "$daemon")" ] || SCHEDULER_MEND="Start it: sudo service $daemon start"
  done
  return 1
}

# --- Windows ---------------------------------------------------------------------

# One hour is the longest that counts in minutes there; MSYS_NO_PATHCONV keeps /Create from becoming a path.
add_to_windows() {
  local unit=MINUTE count=$EVERY bash program
  if [ "$EVERY" -gt 720 ]; then unit=DAILY count=1; elif [ "$EVERY" -ge 60 ]; then unit=HOURLY count=$((EVERY / 60)); fi
  bash=$(cygpath -w "$(command -v bash)") && program=$(cygpath -w "$SCHEDULED") || return
  MSYS_NO_PATHCONV=1 asked schtasks.exe /Create /F /TN "$TASK" /SC "$unit" /MO "$count" /TR "\"$bash\" \"$program\""
}

lives_windows() { :; }

knows_windows() { MSYS_NO_PATHCONV=1 asked schtasks.exe /Query /TN "$TASK"; }

print_way_out_of_windows() { printf 'MSYS_NO_PATHCONV=1 schtasks.exe /Delete /F /TN %s\n' "$TASK"; }

take_from_windows() {
  knows_windows || return 0
  MSYS_NO_PATHCONV=1 asked schtasks.exe /Delete /F /TN "$TASK"
}
