# shellcheck shell=bash
# What the user reads. stdout is data (status line, summary, JSON), stderr is talk.
# Text that others wrote (file names, branch names, git's messages) passes through `visible` first.
# Sets: COUNT NOW NOW_MS QUIET STAMP UNSAID VISIBLE.

QUIET=${QUIET:-}

UNSAID='' # 1 when stdout could not be written

say() { printf '%s\n' "$*" || UNSAID=1; }
talk() { [ -n "$QUIET" ] || printf '%s\n' "$*" >&2; }
info() { talk "[INFO] $*"; }
warn() { printf '[WARN] %s\n' "$*" >&2; }
error() { printf '[ERROR] %s\n' "$*" >&2; }

# Ends the program with a deliberate exit code. Further arguments are lines below the message.
die() {
  local status=$1 line
  shift
  error "$1"
  shift
  for line in "$@"; do printf '        %s\n' "$line" >&2; done
  exit "$status"
}

# Ends the program: it was called with what it does not take.
wrong_usage() {
  local name
  name_typed "$0" || name="bash $(quoted "$0")"
  die "$EXIT_USAGE" "$1" "See: $name --help"
}

# name_typed PROGRAM: sets name to what starts it on the PATH, where it was typed so, or below the shims of a repository; 1
# where PROGRAM itself was typed.
name_typed() {
  local tools=${CLAUDETOOLS_TYPED:-}
  case ${tools:-"$1"} in
    */claudetools/toolkit/*/sync.sh | */claudetools/toolkit/*/whoami-block.sh) name="bash .claude/scripts/${1##*/}" && return ;;
    */claudetools/toolkit/*) tools='bash .claude/scripts/claudetools.sh' ;;
  esac
  [ -n "$tools" ] || return
  case ${1##*/} in
    claudetools.sh) name=$tools ;;
    whoami-block.sh) name="$tools whoami" ;;
    run.sh) name="$tools rules" ;;
    *) name=${1##*/} && name="$tools ${name%.sh}" ;;
  esac
}

# Prints the header comment of a program as its help: one text for the reader and for --help, with the program named as it
# was typed.
print_header() {
  local program=$1 line name file=${1##*/}
  name_typed "$program" || name=$file
  while IFS= read -r line; do
    case $line in
      '#!'*) ;;
      '# '*)
        line=${line#\# }
        line=${line//"$file"/$name}
        printf '%s\n' "$line"
        ;;
      '#') printf '\n' ;;
      *) return 0 ;;
    esac
  done <"$program"
}

# Control characters and bidirectional overrides in foreign text could rewrite the screen or reorder it.
visible() {
  local VISIBLE
  make_visible "$1"
  printf '%s' "$VISIBLE"
}

make_visible() { # sets VISIBLE: where every sync comes by, a $( ) would cost as much as half a program
  local text=$1 out='' char i
  VISIBLE=$text
  case $text in
    *[$'\001'-$'\037'$'\177']* | *$'\xe2\x80'* | *$'\xe2\x81'* | *$'\xc2'[$'\x80'-$'\x9f']*) ;;
    *) return 0 ;;
  esac
  for ((i = 0; i < ${#text}; i++)); do
    char=${text:i:1}
    case $char in
      $'\n') out+='\n' ;;
      $'\t') out+='\t' ;;
      $'\r') out+='\r' ;;
      [$'\001'-$'\037'$'\177']) out+='?' ;;
      $'\xe2')
        case ${text:i:3} in
          $'\xe2\x80'[$'\x8b'-$'\x8f'] | $'\xe2\x80'[$'\xa8'-$'\xae'] | $'\xe2\x81'[$'\xa0'-$'\xaf'])
            out+='?'
            i=$((i + 2))
            ;;
          *) out+=$char ;;
        esac
        ;;
      $'\xc2')
        case ${text:i:2} in
          $'\xc2'[$'\x80'-$'\x9f'])
            out+='?'
            i=$((i + 1))
            ;;
          *) out+=$char ;;
        esac
        ;;
      *) out+=$char ;;
    esac
  done
  VISIBLE=$out
}

# A path as one may paste it into a shell.
quoted() {
  local VISIBLE
  make_quoted "$1"
  printf '%s' "$VISIBLE"
}

make_quoted() { # sets VISIBLE, without a $( ) for each of thousands of paths
  make_visible "$1"
  if [ "$VISIBLE" != "$1" ]; then
    printf -v VISIBLE '%q' "$1"
    return 0
  fi
  case $1 in
    '' | -* | *[!A-Za-z0-9_./@%+=:,-]*)
      VISIBLE=${VISIBLE//\'/\'\\\'\'} # not within the quotes below: there bash before 4.3 keeps the backslashes
      VISIBLE="'$VISIBLE'"
      ;;
  esac
}

count_of() { # count_of 1 file -> "1 file"; count_of 2 file -> "2 files"
  local COUNT
  make_count "$1" "$2"
  printf '%s' "$COUNT"
}

make_count() { # sets COUNT
  if [ "$1" = 1 ]; then COUNT="$1 $2"; else COUNT="$1 $2s"; fi
}

json_string() {
  local text=$1 out='' char i
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  text=${text//$'\r'/\\r}
  case $text in
    *[$'\001'-$'\037'$'\177']*)
      for ((i = 0; i < ${#text}; i++)); do
        char=${text:i:1}
        case $char in
          [$'\001'-$'\037'$'\177']) printf -v char '\\u%04x' "'$char" ;;
        esac
        out+=$char
      done
      text=$out
      ;;
  esac
  printf '"%s"' "$text"
}

# --- clocks -----------------------------------------------------------------

# The two that a sync asks often set a variable: a $( ) costs as much as half a program.
read_epoch() { # sets NOW, seconds
  if [ "${BASH_VERSINFO[0]}${BASH_VERSINFO[1]}" -ge 42 ]; then
    printf -v NOW '%(%s)T' -1
  else
    # The shell's count follows the system's clock: one program tells for all later calls.
    [ -n "$SHELL_BEGAN" ] || SHELL_BEGAN=$(($(date +%s) - SECONDS))
    NOW=$((SHELL_BEGAN + SECONDS))
  fi
}
SHELL_BEGAN=''

# sets NOW_MS: milliseconds since some fixed moment; never steps back when somebody sets the clock.
# Where /proc is missing, whole seconds of the shell's own count.
read_clock() {
  local uptime rest
  if read -r uptime rest 2>/dev/null </proc/uptime; then
    : "$rest"
    NOW_MS=${uptime/./}0
  else
    NOW_MS=${SECONDS}000
  fi
}

epoch_now() {
  local NOW
  read_epoch
  printf '%s\n' "$NOW"
}

utc_stamp() { # 20260605T210233Z, sorts by time
  local STAMP
  make_stamp
  printf '%s\n' "$STAMP"
}

make_stamp() { # sets STAMP
  if [ "${BASH_VERSINFO[0]}${BASH_VERSINFO[1]}" -ge 42 ]; then
    TZ=UTC0 printf -v STAMP '%(%Y%m%dT%H%M%SZ)T' -1
  else
    STAMP=$(date -u +%Y%m%dT%H%M%SZ)
  fi
}

clock_time() { # clock_time EPOCH -> 14:02:11 in local time
  if [ "${BASH_VERSINFO[0]}${BASH_VERSINFO[1]}" -ge 42 ]; then
    printf '%(%H:%M:%S)T\n' "$1"
  else
    date -r "$1" +%H:%M:%S 2>/dev/null || date +%H:%M:%S
  fi
}

monotonic_ms() {
  local NOW_MS
  read_clock
  printf '%s\n' "$NOW_MS"
}

pause() { # pause MILLISECONDS; a sleep without fractions waits a whole second instead
  local ms=$1 seconds
  printf -v seconds '%d.%03d' $((ms / 1000)) $((ms % 1000))
  sleep "$seconds" 2>/dev/null || sleep 1
}
