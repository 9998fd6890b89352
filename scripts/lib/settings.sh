# shellcheck shell=bash
# The team's settings, .claude/claudetools.json: what of them is in force here. pylib/claudetools/core/settings.py has the table of
# keys and decides; it is started only where the file is another one than the record of the tree was made from.
# Needs: repository, python, results, ui, identity.
# Sets: BRANCH CONFIG_ALLOWED CONFIG_CREDENTIALS CONFIG_HOOK_SECONDS CONFIG_LIMIT_MB CONFIG_TRUST REMOTE SETTINGS
#   SETTINGS_WAIT SETTINGS_WRONG.

readonly SETTINGS_LONGEST=65537 # bytes; more than settings.py takes

# load_settings: the team's values, where git config says nothing. A file that cannot be read changes nothing.
load_settings() {
  local item
  [ "${ROLE:-main}" = main ] || return 0
  read_settings
  for item in ${SETTINGS[@]+"${SETTINGS[@]}"}; do take_setting "${item%%=*}" "${item#*=}"; done
  # For the shims, which ask no git.
  if [ "$CONFIG_TRUST" = ask ]; then
    [ -e "$STATE/trust-ask" ] || : 2>/dev/null >"$STATE/trust-ask" || :
  elif [ -e "$STATE/trust-ask" ]; then
    rm -f "$STATE/trust-ask"
  fi
  return 0
}

take_setting() {
  case $1 in
    allow) CONFIG_ALLOWED+=("$2") && return ;;
  esac
  ! is_set_here "$1" || return 0
  case $1 in
    branch) BRANCH=$2 ;;
    remote) REMOTE=$2 ;;
    limitMB) CONFIG_LIMIT_MB=$2 ;;
    hookSeconds) CONFIG_HOOK_SECONDS=$2 ;;
    credentials) CONFIG_CREDENTIALS=$2 ;;
    trust) CONFIG_TRUST=$2 ;;
  esac
}

is_set_here() { # is_set_here KEY: git config has it, in any case
  local status=0
  shopt -s nocasematch
  [[ $CONFIG_SET == *" $1 "* ]] || status=1
  shopt -u nocasematch
  return "$status"
}

# read_settings: sets SETTINGS (key=value), SETTINGS_WAIT (key, tab, words), SETTINGS_WRONG and SETTINGS_PIN (sha256 version).
read_settings() {
  local file=$TOP/.claude/claudetools.json record=$TREE/settings text=''
  SETTINGS=() SETTINGS_WAIT=() SETTINGS_WRONG=() SETTINGS_PIN='' SETTINGS_OF=''
  if [ -L "$file" ] || { [ -e "$file" ] && [ ! -f "$file" ]; }; then
    text=$'\001'
  elif [ -e "$file" ]; then
    IFS= read -r -d '' -n "$SETTINGS_LONGEST" text 2>/dev/null <"$file"
    [ -r "$file" ] || text=$'\001'
  elif [ ! -e "$record" ]; then
    return 0
  fi
  read_settings_record "$record"
  [ "$SETTINGS_OF" != "$text" ] || [ ! -e "$record" ] || return 0
  if find_python && run_python settings "$TOP" 2>/dev/null; then
    read_settings_record "$record"
  else
    SETTINGS_WRONG=(".claude/claudetools.json has changed and cannot be read here (Python $PYTHON_FLOOR is missing, or the disk is full?). What was in force stays")
  fi
}

read_settings_record() {
  local line
  SETTINGS=() SETTINGS_WAIT=() SETTINGS_WRONG=() SETTINGS_PIN='' SETTINGS_OF=''
  [ -e "$1" ] || return 0
  {
    while IFS= read -r line && [ -n "$line" ]; do
      case $line in
        waits=*) SETTINGS_WAIT+=("${line#*=}") ;;
        problem=*) SETTINGS_WRONG+=("${line#*=}") ;;
        pin=*) SETTINGS_PIN=${line#*=} ;;
        *) SETTINGS+=("$line") ;;
      esac
    done
    IFS= read -r -d '' SETTINGS_OF || :
  } 2>/dev/null <"$1"
}

# tell_settings: what the team's file asks for and is not in force here, also where it has just come in.
tell_settings() {
  local item words='' trust
  [ "$ROLE$JOB" = mainsync ] && [ -d "$TREE" ] || return 0
  read_settings
  for item in ${SETTINGS_WRONG[@]+"${SETTINGS_WRONG[@]}"}; do note_fact "[WARN] $item."; done
  for item in ${SETTINGS_WAIT[@]+"${SETTINGS_WAIT[@]}"}; do
    case $item in allow*) ;; *) ! is_set_here "${item%%$'\t'*}" || continue ;; esac
    words+="${words:+, }${item#*$'\t'}"
  done
  trust=$(typed_command trust)
  [ -z "$words" ] || note_fact "[WARN] Not in force here until you accept it: $words (.claude/claudetools.json). To accept it: $trust"
  [ "$CONFIG_TRUST" = ask ] && is_set_up && [ -n "$SETTINGS_PIN" ] && ! is_trusted_pin "${SETTINGS_PIN%% *}" || return 0
  note_fact "[WARN] claudetools ${SETTINGS_PIN#* } (sha256 ${SETTINGS_PIN:0:12}...) waits for you; the version before it runs on. To accept it: $trust"
}

is_set_up() { [ -e "$STATE/installed.json" ]; } # by its person: elsewhere the repository's own claudetools is not started

is_trusted_pin() { # accepted here, or what runs here already
  local line
  read -r line _ 2>/dev/null <"$STATE/pin" && [ "$line" = "$1" ] && return
  while read -r line; do [ "$line" != "$1" ] || return 0; done 2>/dev/null <"$STATE/trusted"
  return 1
}
