# shellcheck shell=bash
# Who commits: from .claude/identity.json, through a cache that the shell can read. No Python while nothing changed.
# And which session: whoever started us says it in one of these, the first counts (ID_VARIABLES in registry.py).
# Needs: environment, exit_codes, ui, python, repository.
# Sets: IDENTITY_READ ID_EMAIL ID_FOREIGN ID_HOSTNAME ID_MACHINE ID_NAME ID_PROBLEMS ID_ROLE ID_SOURCE ID_TIMEZONE
#   ID_USER ID_VAULTS MAIN_TOP SESSION VAULT_FAULTS.

# load_identity FOLDER: sets ID_USER, ID_NAME, ID_EMAIL, ID_MACHINE, ID_ROLE, ID_TIMEZONE, ID_HOSTNAME, ID_VAULTS, VAULT_FAULTS
# (entries of vault_path that name no folder), ID_SOURCE, ID_FOREIGN (1: what lies there came with a commit and is not read) and ID_PROBLEMS from FOLDER/.claude. 0 or 78.
load_identity() {
  local folder=$1 cache=$STATE/identity text
  if [ "$GIT_FOLDER" != "$COMMON" ]; then
    # Git does not bring ignored files into a linked worktree: there the main one tells who works here.
    if [ -e "$folder/.claude/identity.json" ] || [ ! -e "${COMMON%/.git}/.claude/identity.json" ]; then
      cache=$TREE/identity
    else
      folder=${COMMON%/.git}
    fi
  fi
  if is_cache_fresh "$cache" "$folder" && read_identity_cache "$cache" && [ -z "$ID_FOREIGN" ]; then return 0; fi
  if ! find_python; then
    problem "$EXIT_SETUP" error "Python $PYTHON_FLOOR or newer is not to be found, and .claude/identity.json has changed." \
      "Nothing was changed. Install it, or: $(setup_command)" "PATH is $(visible "$PATH"); CLAUDETOOLS_PYTHON may name it."
    return "$EXIT_SETUP"
  fi
  text=$(run_python identity --git-email="$CONFIG_EMAIL" --host="${HOSTNAME:-}" -- "$folder" "$cache" 2>&1) &&
    read_identity_cache "$cache" && return 0
  if is_disk_failure "$text"; then
    report_git_failure "reading .claude/identity.json" "${text##*$'\n'}"
    return "$EXIT_CANNOT_CREATE"
  fi
  problem "$EXIT_SETUP" error "$(visible "${text##*$'\n'}")" "Nothing was changed. One minute: $(setup_command)"
  return "$EXIT_SETUP"
}

# Strictly newer than both files, and made from this very identity.json: a copy moved back keeps its old time.
is_cache_fresh() {
  local cache=$1 identity=$2/.claude/identity.json users=$2/.claude/users.json
  [ -e "$identity" ] && [ "$cache" -nt "$identity" ] || return 1
  [ ! -e "$cache.of" ] || [ "$identity" -ef "$cache.of" ] || return 1
  [ ! -e "$users" ] || [ "$cache" -nt "$users" ]
}

read_identity_cache() {
  local key value
  ID_USER='' ID_NAME='' ID_EMAIL='' ID_MACHINE='' ID_ROLE='' ID_TIMEZONE='' ID_HOSTNAME='' ID_SOURCE='' ID_FOREIGN=''
  ID_PROBLEMS=() ID_VAULTS=() VAULT_FAULTS=() IDENTITY_READ=1
  while IFS='=' read -r key value; do
    case $key in
      user) ID_USER=$value ;;
      full_name) ID_NAME=$value ;;
      email) ID_EMAIL=$value ;;
      machine) ID_MACHINE=$value ;;
      role) ID_ROLE=$value ;;
      vault_path) [ -z "$value" ] || ID_VAULTS+=("$value") ;;
      vault_fault) VAULT_FAULTS+=("$value") ;;
      timezone) ID_TIMEZONE=$value ;;
      hostname) ID_HOSTNAME=$value ;;
      source) ID_SOURCE=$value ;;
      foreign) ID_FOREIGN=$value ;;
      problem) ID_PROBLEMS+=("$value") ;;
    esac
  done <"$1"
  [ -n "$ID_USER" ] && [ -n "$ID_NAME" ] && [ -n "$ID_EMAIL" ] && [ -n "$ID_MACHINE" ]
}

# The commits carry the identity explicitly; plain git beside us shall write the same one (git var GIT_AUTHOR_IDENT). Where
# git's settings cannot be written, or others count before them, that is said, and the work is saved all the same.
reconcile_git_config() {
  local i
  export GIT_AUTHOR_NAME=$ID_NAME GIT_AUTHOR_EMAIL=$ID_EMAIL GIT_COMMITTER_NAME=$ID_NAME GIT_COMMITTER_EMAIL=$ID_EMAIL
  [ -z "$DRY_RUN" ] || return 0
  find_wrong_settings
  for ((i = 0; i < ${#WRONG[@]}; i += 2)); do
    if ! patiently git -C "$TOP" config --replace-all "${WRONG[i]}" "${WRONG[i + 1]}"; then
      report_git_config "${WRONG[i]}" "${WRONG[i + 1]}"
    elif [ "$(git -C "$TOP" config --get "${WRONG[i]}")" != "${WRONG[i + 1]}" ]; then
      report_overruled "${WRONG[i]}" "${WRONG[i + 1]}"
    fi
  done
  return 0
}

# WRONG: the settings, each with the value that it has to have, by which plain git would sign with another name. The last
# value of a setting counts; author.* and committer.* count before user.*, wherever they stand.
find_wrong_settings() {
  local i key known=' '
  WRONG=()
  judge_setting user.name "$CONFIG_NAME"
  judge_setting user.email "$CONFIG_EMAIL"
  for ((i = ${#CONFIG_OTHER_NAMES[@]} - 1; i >= 0; i--)); do
    key=${CONFIG_OTHER_NAMES[i]%%=*}
    case $known in *" $key "*) continue ;; esac
    known+="$key "
    judge_setting "$key" "${CONFIG_OTHER_NAMES[i]#*=}"
  done
}

judge_setting() {
  local value=$ID_NAME
  case $1 in *.email) value=$ID_EMAIL ;; esac
  [ "$2" = "$value" ] || WRONG+=("$1" "$value")
}

is_git_reconciled() {
  find_wrong_settings
  [ ${#WRONG[@]} -eq 0 ]
}

report_git_config() {
  local what
  what="git's $1 cannot be set to $(visible "$2")"
  if find_git_lock "$(<"$WORK/error")"; then
    report_git_lock "$what"
    return
  fi
  problem "$EXIT_SETUP" error "$what: $(first_words "$WORK/error")" \
    "Commits by plain git carry another name. Set it: git -C $(quoted "$TOP") config --replace-all $1 $(quoted "$2")"
}

# A file that is included, or a worktree's own, is read after the repository's.
report_overruled() {
  local origin
  origin=$(git -C "$TOP" config --show-origin -z --get "$1" | tr '\0' '\n')
  origin=${origin%%$'\n'*} origin=${origin#file:}
  case $origin in /* | [A-Za-z]:*) ;; *) origin=$TOP/$origin ;; esac
  problem "$EXIT_SETUP" error "git's $1 is not $(visible "$2"): $(visible "$origin") counts before the repository's own settings." \
    "Commits by plain git carry another name. Set it there: git config --file $(quoted "$origin") --replace-all $1 $(quoted "$2")"
}

# What the caller's shell has exported counts before all settings, there alone.
tell_names_of_environment() {
  local name was value
  for name in AUTHOR_NAME AUTHOR_EMAIL COMMITTER_NAME COMMITTER_EMAIL; do
    was=CALLER_$name value=$ID_NAME
    case $name in *EMAIL) value=$ID_EMAIL ;; esac
    [ -z "${!was}" ] || [ "${!was}" = "$value" ] ||
      note_fact "[WARN] GIT_$name is $(visible "${!was}") in this shell: plain git signs with that here. Take it out: unset GIT_$name"
  done
}

# typed_command NAME: what one types to start a program of ours, at the top of the user's repository; as the caller did, where
# that was `claudetools`. Always of the toolkit that runs: that of a repository may be somebody else's.
typed_command() {
  local file=$1.sh shim=''
  [ "$1" != whoami ] || file=whoami-block.sh
  if [ -n "${CLAUDETOOLS_TYPED:-}" ]; then
    printf 'claudetools%s' "${1:+ $1}"
    return
  fi
  [ -n "$1" ] || file=claudetools.sh
  if ! runs_from_here; then
    printf 'bash %s' "$(quoted "$TOOLKIT/scripts/$file")"
    return
  fi
  case $file in sync.sh | whoami-block.sh | claudetools.sh) shim=.claude/scripts/$file ;; *) shim=".claude/scripts/claudetools.sh $1" ;; esac
  printf 'bash %s' "$shim"
}

setup_command() { typed_command setup; }
tools_command() { typed_command ''; }

MAIN_TOP='' # the user's repository, while a vault is synced
ID_VAULTS=() VAULT_FAULTS=() IDENTITY_READ=''

# What is said of the vault is settled there, by the same program in the same folder.
sync_command() {
  typed_command sync
  [ -z "$MAIN_TOP" ] || printf ' %s' "$(vault_option)"
}

# near PATH: a path from the top of the tree for a command that somebody types, who is not in the vault.
near() { if [ -n "$MAIN_TOP" ]; then quoted "$TOP/$1"; else quoted "$1"; fi; }

git_here() { # git, as one types it from the user's repository
  printf 'git'
  [ -z "$MAIN_TOP" ] || printf ' -C %s' "$(quoted "$TOP")"
}

# Sets SESSION, '' outside of any.
find_session() { SESSION=${CLAUDETOOLS_SESSION_ID:-${CLAUDE_CODE_SESSION_ID:-${CODEX_SESSION_ID:-}}}; }

leave_session() { unset CLAUDETOOLS_SESSION_ID CLAUDE_CODE_SESSION_ID CODEX_SESSION_ID; }
