# shellcheck shell=bash
# Rules: a new log has every section, in order, and the User block of who writes it; a session changes no other
# session's log. Fed with the lines that LOG_PATTERNS find, so nothing here reads a file. The same in Python:
# pylib/claudetools/logs/sections.py and check.py.
# Sets: LOG_PATTERNS RULE_FIX RULE_TEXT.

LOG_PATTERNS=('^## .*' '^ {0,3}(`{3,}|~{3,}).*' '^- \*\*(User|Machine):\*\* .*' '^---.?$' '^session: .*')
LOG_SECTIONS=('User' 'Session Summary' 'Key Decisions' 'Problems Encountered' 'Configuration Changes'
  'Credentials & Secrets' 'Infrastructure & Servers' 'Commands & Outputs' 'Pending / Incomplete Tasks'
  'Reference Information')
readonly LOG_OPTIONAL='Problems Encountered'

begin_log() {
  LOG_FOUND=$'\n' LOG_FENCE='' LOG_PART='' LOG_LAST=0 LOG_LOW='' LOG_USER='' LOG_MACHINE='' LOG_OWNERS='' LOG_FRONT=''
}

# take_log_line NUMBER TEXT
take_log_line() {
  local number=$1 text=${2%$'\r'}
  case $LOG_FRONT$number$text in 1---) LOG_FRONT=open && return ;; open*---) LOG_FRONT=closed && return ;; esac
  if [ "$LOG_FRONT" = open ]; then
    case $text in 'session: '*) LOG_OWNERS=${text#session: } LOG_OWNERS=" ${LOG_OWNERS//\"/} " ;; esac
  fi
  if take_fence "$text" || [ -n "$LOG_FENCE" ]; then return 0; fi
  case $text in
    '## '*) take_heading "${text#'## '}" ;;
    '- **User:** '*) [ "$LOG_PART" != User ] || LOG_USER=$text ;;
    '- **Machine:** '*) [ "$LOG_PART" != User ] || LOG_MACHINE=$text ;;
  esac
}

# 0 when the line opens or closes a fenced block, or could have. LOG_FENCE: the marks that opened it.
take_fence() {
  local text=$1 mark rest
  while [ "${text:0:1}" = ' ' ]; do text=${text# }; done
  case $text in '```'*) mark='`' ;; '~~~'*) mark='~' ;; *) return 1 ;; esac
  rest=${text#"${text%%[!"$mark"]*}"}
  text=${text%"$rest"}
  if [ -n "$LOG_FENCE" ]; then
    [ "${LOG_FENCE:0:1}" != "$mark" ] || [ ${#text} -lt ${#LOG_FENCE} ] || [ -n "${rest//[ ]/}" ] || LOG_FENCE=''
  else
    case $mark$rest in '`'*'`'*) ;; *) LOG_FENCE=$text ;; esac
  fi
}

take_heading() {
  local name=$1 marks i
  name=${name#"${name%%[! ]*}"}
  name=${name%"${name##*[! ]}"}
  marks=${name##*[!#]}
  case ${name%"$marks"} in *' ') name=${name%"$marks"} && name=${name%"${name##*[! ]}"} ;; esac
  LOG_PART=$name
  case $LOG_FOUND in *$'\n'"$name"$'\n'*) LOG_PART='' ;; esac # the first of that name counts
  LOG_FOUND+=$name$'\n'
  for ((i = 0; i < ${#LOG_SECTIONS[@]}; i++)); do
    [ "$name" = "${LOG_SECTIONS[i]}" ] || continue
    if [ "$i" -lt "$LOG_LAST" ]; then LOG_LOW=${LOG_LOW:-$name}; else LOG_LAST=$i; fi
  done
}

# judge_log PATH: 0, or 1 with RULE_TEXT and RULE_FIX. ID_NAME, ID_USER and ID_MACHINE say who writes; with none of
# them, PEOPLE ("//Name (id)//Name (id)//") lists who may.
judge_log() {
  local name missing='' count=0 line
  for name in "${LOG_SECTIONS[@]}"; do
    case $LOG_OPTIONAL$LOG_FOUND in "$name"$'\n'* | *$'\n'"$name"$'\n'*) continue ;; esac
    count=$((count + 1))
    [ "$count" -gt 2 ] || missing+="${missing:+, }'## $name'"
  done
  [ "$count" -le 2 ] || missing+=" and $((count - 2)) more"
  RULE_FIX="Put it in order: $(tools_command) log check --fix $(quoted "$1")"
  if [ -n "$missing" ]; then
    RULE_TEXT="is a log without the section $missing"
    [ "$count" -eq 1 ] || RULE_TEXT="is a log without the sections $missing"
  elif [ -n "$LOG_LOW" ]; then
    RULE_TEXT="is a log where '## $LOG_LOW' stands too low"
    RULE_FIX="See the order: $(tools_command) log new --help"
  else
    judge_user_block
    return
  fi
  return 1
}

judge_user_block() {
  local who=${LOG_USER#'- **User:** '}
  if [ -n "${ID_USER:-}" ]; then
    [ "$who" != "$ID_NAME ($ID_USER)" ] || [ "$LOG_MACHINE" != "- **Machine:** $ID_MACHINE" ] || return 0
  elif [ -n "${PEOPLE:-}" ]; then
    case $PEOPLE in *"//$who//"*) [ -z "$who" ] || return 0 ;; esac
  else
    return 0
  fi
  RULE_TEXT='is a log without a User block'
  [ -n "$who" ] || return 1
  RULE_TEXT="is a log whose User block is not of who writes it: $(visible "$who ${LOG_MACHINE#- }")"
  RULE_FIX="Put there what this prints: $(typed_command whoami)"
  return 1
}

# judge_log_owner PATH ID...: 1 when the log belongs to sessions, and none of them is among the writers.
judge_log_owner() {
  local path=$1 id
  shift
  [ -n "${LOG_OWNERS// /}" ] && [ $# -gt 0 ] || return 0
  for id in "$@"; do
    case $LOG_OWNERS in *" $id "*) return 0 ;; esac
  done
  RULE_TEXT="is another session's log"
  RULE_FIX="Write your own: $(tools_command) log new TOPIC     A person may correct it, outside of a session."
  return 1
}
