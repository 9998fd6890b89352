# shellcheck shell=bash
# Rules: a new log has every section, in order, the User block of who writes it, and text; a session changes no other
# session's log. A file with notes alone needs no sections. Fed with the lines that LOG_PATTERNS find: only a log whose
# headings follow each other closely is read as a whole. The same in Python: pylib/claudetools/logs/sections.py, check.py.
# Sets: LOG_PATTERNS RULE_FIX RULE_TEXT.

LOG_PATTERNS=('^## .*' '^ {0,3}(`{3,}|~{3,}).*' '^- \*\*(User|Machine):\*\* .*' '^---.?$' '^(session|recovered-by): .*')
LOG_SECTIONS=('User' 'Session Summary' 'Key Decisions' 'Problems Encountered' 'Configuration Changes'
  'Credentials & Secrets' 'Infrastructure & Servers' 'Commands & Outputs' 'Pending / Incomplete Tasks'
  'Reference Information')
printf -v LOG_ORDER '\n%s' "${LOG_SECTIONS[@]}"
readonly LOG_ORDER=$LOG_ORDER$'\n'
readonly LOG_OPTIONAL='Problems Encountered'
# The heading of a note, in any case: NOTE of sections.py, as far as a shell goes.
readonly LOG_NOTE='^[^[:alpha:]]*((an?|the)[[:space:]]+)?([[:alpha:]]+[[:space:]]+)?(note|message)s?[^[:alnum:]]+(for|to|@)'

begin_log() {
  LOG_FOUND=$'\n' LOG_FENCE='' LOG_PART='' LOG_LAST=0 LOG_LOW='' LOG_USER='' LOG_MACHINE='' LOG_OWNERS='' LOG_FRONT=''
  LOG_AT=0 LOG_TEXT='' LOG_NOTES=0 LOG_OTHERS=0
}

# take_log_line NUMBER TEXT
take_log_line() {
  local number=$1 text=${2%$'\r'}
  case $LOG_FRONT$number$text in 1---) LOG_FRONT=open && return ;; open*---) LOG_FRONT=closed && return ;; esac
  if [ "$LOG_FRONT" = open ]; then
    case $text in 'session: '* | 'recovered-by: '*) text=${text#*: } LOG_OWNERS+=" ${text//\"/} " ;; esac
  fi
  if take_fence "$text" || [ -n "$LOG_FENCE" ]; then return 0; fi
  case $text in
    '## '*) take_heading "$number" "${text#'## '}" ;;
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

# LOG_TEXT: so many lines stand between two headings that one of them is text, as in nearly every log. LOG_NOTES and
# LOG_OTHERS count headings of notes and others.
take_heading() {
  local number=$1 name=$2 marks above
  [ "$LOG_AT" -eq 0 ] || [ "$LOG_PART" = User ] || [ $((number - LOG_AT)) -le 6 ] || LOG_TEXT=1
  LOG_AT=$number
  name=${name#"${name%%[! ]*}"}
  name=${name%"${name##*[! ]}"}
  marks=${name##*[!#]}
  case ${name%"$marks"} in *' ') name=${name%"$marks"} && name=${name%"${name##*[! ]}"} ;; esac
  LOG_PART=$name
  if is_note_heading "$name"; then LOG_NOTES=$((LOG_NOTES + 1)); else LOG_OTHERS=$((LOG_OTHERS + 1)); fi
  case $LOG_FOUND in *$'\n'"$name"$'\n'*) LOG_PART='' ;; esac # the first of that name counts
  LOG_FOUND+=$name$'\n'
  case $LOG_ORDER in *$'\n'"$name"$'\n'*) ;; *) return 0 ;; esac
  above=${LOG_ORDER%%$'\n'"$name"$'\n'*}
  if [ ${#above} -lt "$LOG_LAST" ]; then LOG_LOW=${LOG_LOW:-$name}; else LOG_LAST=${#above}; fi
}

is_note_heading() {
  local status
  case $1 in *[Nn][Oo][Tt][Ee]* | *[Mm][Ee][Ss][Ss][Aa][Gg][Ee]*) ;; *) return 1 ;; esac
  shopt -s nocasematch
  [[ $1 =~ $LOG_NOTE ]]
  status=$?
  shopt -u nocasematch
  return "$status"
}

# judge_log PATH BLOB: 0, or 1 with RULE_TEXT and RULE_FIX. ID_NAME, ID_USER and ID_MACHINE say who writes; with none of
# them, PEOPLE ("//Name (id)//Name (id)//") lists who may.
judge_log() {
  local name missing='' count=0
  [ "$LOG_NOTES" -eq 0 ] || [ "$LOG_OTHERS" -gt 0 ] || return 0
  for name in "${LOG_SECTIONS[@]}"; do
    case $LOG_OPTIONAL$LOG_FOUND in "$name"$'\n'* | *$'\n'"$name"$'\n'*) continue ;; esac
    count=$((count + 1))
    [ "$count" -gt 2 ] || missing+="${missing:+, }'## $name'"
  done
  [ "$count" -le 2 ] || missing+=" and $((count - 2)) more"
  if [ -n "$missing" ]; then
    RULE_FIX="Put it in order: $(tools_command) log check --fix $(quoted "$1")"
    RULE_TEXT="is a log without the section $missing"
    [ "$count" -eq 1 ] || RULE_TEXT="is a log without the sections $missing"
  elif [ -n "$LOG_LOW" ]; then
    RULE_TEXT="is a log where '## $LOG_LOW' stands too low"
    RULE_FIX="See the order: $(tools_command) log new --help"
  elif [ -z "$LOG_TEXT" ] && is_empty_log "$2"; then
    RULE_TEXT='is an empty log'
    RULE_FIX="Fill it in, or take it away: rm -- $(quoted "$1")"
    [ -z "${LOG_OWNERS// /}" ] || read -r name _ <<<"$LOG_OWNERS"
    [ -z "${LOG_OWNERS// /}" ] || RULE_FIX+="     From what its session did: /save --for $(visible "$name")"
  else
    judge_user_block
    return
  fi
  return 1
}

# is_empty_log BLOB: nothing stands in it but front matter, User block, headings and comments.
is_empty_log() {
  local line part='' number=0 front=''
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=${line#"${line%%[![:space:]]*}"} line=${line%"${line##*[![:space:]]}"}
    case $front$number$line in 1---) front=open && continue ;; open*---) front=closed && continue ;; open*) continue ;; esac
    case $line in
      '## '*) part=${line#'## '} part=${part#"${part%%[! ]*}"} ;;
      '' | '#'* | '<!--'*'-->') ;;
      '- **'*) [ "$part" = User ] || return 1 ;;
      *) return 1 ;;
    esac
  done < <(git ${CONTENT_GIT[@]+"${CONTENT_GIT[@]}"} cat-file blob "$1" 2>/dev/null)
  [ "$front" != open ] # it would hide all the text
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
