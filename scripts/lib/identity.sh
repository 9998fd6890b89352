# shellcheck shell=bash
# Who commits: from .claude/identity.json, through a cache that the shell can read. No Python while nothing changed.
# And which session: whoever started us says it in one of these, the first counts (ID_VARIABLES in registry.py).
# Needs: environment, exit_codes, ui, python, repository.

# load_identity FOLDER: sets ID_USER, ID_NAME, ID_EMAIL, ID_MACHINE, ID_ROLE, ID_VAULT, ID_TIMEZONE, ID_HOSTNAME,
# ID_SOURCE, ID_FOREIGN (1: what lies there came with a commit and is not read) and ID_PROBLEMS from FOLDER/.claude. 0 or 78.
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
      "Nothing was changed. Install it, or: $(setup_command)"
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
  ID_USER='' ID_NAME='' ID_EMAIL='' ID_MACHINE='' ID_ROLE='' ID_VAULT='' ID_TIMEZONE='' ID_HOSTNAME='' ID_SOURCE='' ID_FOREIGN=''
  ID_PROBLEMS=()
  while IFS='=' read -r key value; do
    case $key in
      user) ID_USER=$value ;;
      full_name) ID_NAME=$value ;;
      email) ID_EMAIL=$value ;;
      machine) ID_MACHINE=$value ;;
      role) ID_ROLE=$value ;;
      vault_path) ID_VAULT=$value ;;
      timezone) ID_TIMEZONE=$value ;;
      hostname) ID_HOSTNAME=$value ;;
      source) ID_SOURCE=$value ;;
      foreign) ID_FOREIGN=$value ;;
      problem) ID_PROBLEMS+=("$value") ;;
    esac
  done <"$1"
  [ -n "$ID_USER" ] && [ -n "$ID_NAME" ] && [ -n "$ID_EMAIL" ] && [ -n "$ID_MACHINE" ]
}

# The commits carry the identity explicitly; plain git beside us shall write the same one. Where git's settings cannot be
# written, that is said, and the work is saved all the same.
reconcile_git_config() {
  export GIT_AUTHOR_NAME=$ID_NAME GIT_AUTHOR_EMAIL=$ID_EMAIL GIT_COMMITTER_NAME=$ID_NAME GIT_COMMITTER_EMAIL=$ID_EMAIL
  [ -z "$DRY_RUN" ] || return 0
  set_git_config "$CONFIG_NAME" user.name "$ID_NAME" && set_git_config "$CONFIG_EMAIL" user.email "$ID_EMAIL" && set_other_names || report_git_config
  return 0
}

report_git_config() {
  local what git
  what="git's user.name and user.email cannot be set to $(visible "$ID_NAME <$ID_EMAIL>")"
  if find_git_lock "$(<"$WORK/error")"; then
    report_git_lock "$what"
    return
  fi
  git="git -C $(quoted "$TOP") config"
  problem "$EXIT_SETUP" error "$what: $(first_words "$WORK/error")" \
    "Commits by plain git carry another name. Set them: $git user.name $(quoted "$ID_NAME") && $git user.email $(quoted "$ID_EMAIL")"
}

set_git_config() { [ "$1" = "$3" ] || patiently git -C "$TOP" config "$2" "$3"; }

# author.* and committer.* count before user.*, wherever they stand (git var GIT_AUTHOR_IDENT).
set_other_names() {
  local pair
  for pair in ${CONFIG_OTHER_NAMES[@]+"${CONFIG_OTHER_NAMES[@]}"}; do
    case $pair in
      *.name=*) set_git_config "${pair#*=}" "${pair%%=*}" "$ID_NAME" ;;
      *) set_git_config "${pair#*=}" "${pair%%=*}" "$ID_EMAIL" ;;
    esac || return
  done
}

# Whether plain git signs with the name that commits here carry.
is_git_reconciled() {
  local pair
  [ "$CONFIG_NAME" = "$ID_NAME" ] && [ "$CONFIG_EMAIL" = "$ID_EMAIL" ] || return 1
  for pair in ${CONFIG_OTHER_NAMES[@]+"${CONFIG_OTHER_NAMES[@]}"}; do
    case ${pair%%=*} in *.name) [ "${pair#*=}" = "$ID_NAME" ] ;; *) [ "${pair#*=}" = "$ID_EMAIL" ] ;; esac || return 1
  done
}

# Sets VAULT, the folder that ID_VAULT names as seen from TOP.
find_vault() {
  case $ID_VAULT in \~/*) VAULT=$HOME/${ID_VAULT#\~/} ;; /* | [A-Za-z]:*) VAULT=$ID_VAULT ;; *) VAULT=$TOP/$ID_VAULT ;; esac
}

# is_own_repository FOLDER MAIN: 1 for MAIN, the top of the user's repository, and for a folder below the top of any, with
# VAULT_LIES_IN, that top. All of it would be taken for the vault.
is_own_repository() {
  VAULT_LIES_IN=$(cd "$1" 2>/dev/null && git rev-parse --show-toplevel 2>/dev/null)
  [ -z "$VAULT_LIES_IN" ] || { [ "$VAULT_LIES_IN" -ef "$1" ] && ! [ "$VAULT_LIES_IN" -ef "$2" ]; }
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

MAIN_TOP='' # the user's repository, while the vault is synced

# What is said of the vault is settled there, by the same program in the same folder.
sync_command() {
  typed_command sync
  [ -z "$MAIN_TOP" ] || printf ' --vault'
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
