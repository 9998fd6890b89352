# shellcheck shell=bash
# One repository: where its parts lie, and how it is configured.
# Needs: environment, exit_codes, ui, results, owner.
# Sets: AHEAD BEHIND BRANCH BRANCH_REMOTES CHANGED COMMIT_OID COMMIT_PARENT COMMON CONFIG_ALLOWED CONFIG_BARE
#   CONFIG_CREDENTIALS CONFIG_DRIVER CONFIG_EMAIL CONFIG_FILTERS CONFIG_HOOKS CONFIG_HOOK_SECONDS CONFIG_LIMIT_MB
#   CONFIG_MAIN_ONLY CONFIG_NAME CONFIG_OTHER_NAMES CONFIG_SET CONFIG_SIGN CONFIG_SPARSE CONFIG_TRUST CONFIG_WORKTREES
#   CONFLICTS CONTAINED FIXES_SHARED FOREIGN_FIX FOREIGN_LOGS FOREIGN_WHY GLANCE HEAD_BRANCH HEAD_OID HOOKS HOOK_REFUSED
#   HOOK_REFUSED_TIP HOOK_WORDS IGNORED_HOOKS LOCK_MESSAGE LOG_PATH MAIN_STATE MOVED_AWAY PARKED POSTPONED PREFIX
#   PUT_BACK RECEIVING_FOR REFUSED_WORK RELATED REMOTE REMOTES REMOTE_MOVED REMOTE_URLS REPLAYED_PAIRS RESOLVED
#   SAVED_ARTICLES SAVING_REFUSED SEALS_SAVED SEEN STATE STATE_FORMAT STATE_FOUND TIP TOLD_REWRITTEN TOP
#   TRACKED_IDENTITY TRACKED_OWN TREE UNSAFE UPSTREAM WORK.

readonly STATE_FORMAT=1

# Nothing of the repository before may show in the report of the next one.
forget_repository() {
  TOP=$1 PREFIX='' TRACKED_OWN=() BRANCH='' REMOTE='' HEAD_OID='' HEAD_BRANCH='' SEEN='' TIP='' UPSTREAM='' RELATED='' AHEAD='' BEHIND='' WORK=/nonexistent STATE=/nonexistent TREE=/nonexistent
  COMMIT_PARENT='' COMMIT_OID='' TOLD_REWRITTEN=none POSTPONED='' PUT_BACK=0 FIXES_SHARED='' REFUSED_WORK=() LOG_PATH='' SAVED_ARTICLES=0 CHANGED=() REPLAYED_PAIRS=() CONTAINED=() PARKED=() CONFLICTS=() RESOLVED='' HOOK_REFUSED=() HOOK_WORDS=() FOREIGN_LOGS=() FOREIGN_WHY=() FOREIGN_FIX=() REMOTE_MOVED='' UNSAFE=() MOVED_AWAY=() GLANCE=() RECEIVING_FOR='' SEALS_SAVED=''
  HOOKS='' IGNORED_HOOKS='' SAVING_REFUSED='' HOOK_REFUSED_TIP=''
}

# begin_look FOLDER: asks git where the repository lies and how it is configured, both in the background.
begin_look() {
  exec 3< <(list_places "$1")
  exec 4< <(list_configuration "$1")
  LOOKING=1
}
LOOKING=''

list_places() {
  exec git -C "$1" rev-parse --path-format=absolute --show-toplevel --absolute-git-dir --git-common-dir --show-prefix \
    HEAD:.claude/identity.json 2>/dev/null
}

read_places() {
  PREFIX='' TRACKED_IDENTITY=''
  IFS= read -r TOP && IFS= read -r GIT_FOLDER && IFS= read -r COMMON && { IFS= read -r PREFIX && IFS= read -r TRACKED_IDENTITY || :; }
}

# The entries, then git's exit status: a list that was cut off would mean no remote and no limits.
list_configuration() {
  git -C "$1" config --list -z 2>/dev/null
  printf 'end %s\0' "$?"
}

# open_repository FOLDER: sets TOP, PREFIX, GIT_FOLDER, COMMON, STATE, TREE, WORK, TRACKED_IDENTITY (its name in HEAD) and the
# configuration. 0 or 78.
open_repository() {
  local folder=$1 found=''
  [ -n "$LOOKING" ] || begin_look "$folder"
  LOOKING=''
  read_places <&3 && found=1
  read_configuration <&4
  exec 3<&- 4<&-
  # Once more what failed: somebody may have replaced the configuration just then.
  [ -n "$found" ] || { read_places < <(list_places "$folder") && found=1; }
  [ -n "$found" ] || {
    TOP=$folder
    report_no_repository
    return
  }
  case $TRACKED_IDENTITY in *[!0-9a-f]*) TRACKED_IDENTITY='' ;; esac # git repeats what it does not know
  [ -n "$CONFIG_WHOLE" ] || read_configuration < <(list_configuration "$TOP")
  [ -n "$CONFIG_WHOLE" ] || {
    problem "$EXIT_SETUP" error "The configuration cannot be read: $(git_words config --list)" "Nothing was changed. See: git config --list"
    return "$EXIT_SETUP"
  }
  [ -d "$GIT_FOLDER" ] && [ -d "$COMMON" ] || {
    problem "$EXIT_SETUP" error "The path of this repository holds a line break, and git's answers cannot be told apart there." \
      "Nothing was changed. Give the folder another name."
    return "$EXIT_SETUP"
  }
  use_lock "$COMMON"
  if [ "$GIT_FOLDER" = "$COMMON" ]; then TREE=$STATE/trees/main; else TREE=$STATE/trees/linked-${GIT_FOLDER##*/}; fi
  WORK=$TREE/work
  check_configuration
}

report_no_repository() {
  local words
  command -v git >/dev/null || {
    problem "$EXIT_SETUP" error "git is not to be found on PATH, which is $(visible "$PATH")" "Nothing was changed."
    return "$EXIT_SETUP"
  }
  words=$(git_words rev-parse --show-toplevel)
  case $words in
    '' | *'not a git repository'* | *'must be run in a work tree'* | *'cannot change to'*)
      problem "$EXIT_SETUP" error "$(visible "$TOP") is not the working tree of a git repository." \
        "Nothing was changed. Go to your repository, or make one: git init"
      ;;
    *) problem "$EXIT_SETUP" error "git cannot open $(visible "$TOP"): $words" "Nothing was changed." ;;
  esac
  return "$EXIT_SETUP"
}

git_words() { visible "$(git -C "$TOP" "$@" 2>&1 >/dev/null | head -n 1)"; } # what it says when it fails

# read_configuration <LIST: one `git config --list -z` for everything. Sets the CONFIG_ variables, BRANCH and REMOTE,
# and CONFIG_WHOLE where git has listed all of it.
read_configuration() {
  local entry key value
  CONFIG_EMAIL='' CONFIG_NAME='' CONFIG_SIGN='' CONFIG_HOOKS='' CONFIG_LIMIT_MB=50 CONFIG_SPARSE=no CONFIG_DRIVER='' CONFIG_BARE='' CONFIG_WORKTREES='' CONFIG_MAIN_ONLY=''
  CONFIG_FILTERS='' CONFIG_HOOK_SECONDS=600
  CONFIG_CREDENTIALS=inline CONFIG_ALLOWED=() CONFIG_WHOLE='' CONFIG_TRUST=auto CONFIG_SET=' '
  CONFIG_OTHER_NAMES=()
  BRANCH='' REMOTE='' REMOTES=' ' REMOTE_URLS=() BRANCH_REMOTES=()
  while IFS= read -r -d '' entry; do
    key=${entry%%$'\n'*}
    value=${entry#*$'\n'}
    case $key in claudetools.*) CONFIG_SET+="${key#claudetools.} " ;; esac
    case $key in
      'end 0') CONFIG_WHOLE=1 ;;
      user.email) CONFIG_EMAIL=$value ;;
      user.name) CONFIG_NAME=$value ;;
      author.name | author.email | committer.name | committer.email) CONFIG_OTHER_NAMES+=("$key=$value") ;;
      commit.gpgsign) if is_true "$entry"; then CONFIG_SIGN=true; else CONFIG_SIGN=''; fi ;;
      core.hookspath) CONFIG_HOOKS=$value ;;
      core.sparsecheckout) CONFIG_SPARSE='' ;;
      extensions.worktreeconfig) if is_true "$entry"; then CONFIG_WORKTREES=1; else CONFIG_WORKTREES=''; fi ;;
      core.bare) ! is_true "$entry" || CONFIG_BARE=1 CONFIG_MAIN_ONLY=1 ;;
      core.worktree) CONFIG_MAIN_ONLY=1 ;;
      merge.*.driver) CONFIG_DRIVER=1 ;;
      filter.*) CONFIG_FILTERS+=$key=$value$'\n' ;;
      claudetools.branch) BRANCH=$value ;;
      claudetools.remote) REMOTE=$value ;;
      claudetools.limitmb) CONFIG_LIMIT_MB=$value ;;
      claudetools.hookseconds) CONFIG_HOOK_SECONDS=$value ;;
      claudetools.credentials) CONFIG_CREDENTIALS=$value ;;
      claudetools.trust) CONFIG_TRUST=$value ;;
      claudetools.allow) CONFIG_ALLOWED+=("$value") ;;
      remote.*.url)
        key=${key#remote.}
        REMOTES+="${key%.url} "
        REMOTE_URLS+=("${key%.url}=$value")
        ;;
      branch.*.remote) BRANCH_REMOTES+=("${key#branch.}=$value") ;;
    esac
  done
}

# is_true ENTRY: as git reads a boolean. A key alone is true, an empty value false.
is_true() {
  local value=${1#*$'\n'}
  case $1 in *$'\n'*) ;; *) return 0 ;; esac
  case $value in [Tt][Rr][Uu][Ee] | [Yy][Ee][Ss] | [Oo][Nn]) return 0 ;; esac
  value=${value#[-+]}
  case $value in [0-9]*) ;; *) return 1 ;; esac
  case ${value%[kKmMgG]} in *[!0xX]*) return 0 ;; *) return 1 ;; esac # 0, 00, 0x0
}

check_configuration() {
  case $CONFIG_LIMIT_MB in '' | *[!0-9]*)
    problem "$EXIT_SETUP" error "git config claudetools.limitMB is '$CONFIG_LIMIT_MB'; expected whole megabytes." \
      "Fix: git config claudetools.limitMB 50"
    return "$EXIT_SETUP"
    ;;
  esac
  case $CONFIG_HOOK_SECONDS in '' | *[!0-9]* | 0 | ??????*)
    problem "$EXIT_SETUP" error "git config claudetools.hookSeconds is '$(visible "$CONFIG_HOOK_SECONDS")'; expected whole seconds." \
      "Fix: git config claudetools.hookSeconds 600"
    return "$EXIT_SETUP"
    ;;
  esac
  case $CONFIG_CREDENTIALS in inline | vault | block) ;; *)
    problem "$EXIT_SETUP" error "git config claudetools.credentials is '$(visible "$CONFIG_CREDENTIALS")'; expected inline, vault or block." \
      "Fix: git config claudetools.credentials inline"
    return "$EXIT_SETUP"
    ;;
  esac
  case $CONFIG_TRUST in ask | auto) ;; *)
    problem "$EXIT_SETUP" error "git config claudetools.trust is '$(visible "$CONFIG_TRUST")'; expected ask or auto." \
      "Fix: git config claudetools.trust ask"
    return "$EXIT_SETUP"
    ;;
  esac
}

# make_state: the state folder, private to this user. 0, 73 or 78. A sync that finds an older format goes on, and brings it
# up to date under the lock (migrate.sh); everybody else waits for that.
make_state() {
  local found
  STATE_FOUND=$STATE_FORMAT
  if [ ! -d "$WORK" ]; then
    LOCK_MESSAGE=$( (umask 077 && mkdir -p "$WORK" "$STATE/claims") 2>&1) || {
      report_bad_state "The state folder $(visible "$STATE") cannot be created: $(visible "${LOCK_MESSAGE##*: }")."
      return
    }
  fi
  if read -r found 2>/dev/null <"$STATE/format"; then
    STATE_FOUND=$found
    [ "$STATE_FOUND" = "$STATE_FORMAT" ] || judge_format || return
  elif ! printf '%s\n' "$STATE_FORMAT" 2>/dev/null >"$STATE/format"; then
    report_bad_state "$(visible "$STATE") cannot be written (permissions or a full disk?)."
    return
  fi
  load_settings
}

# keep_record FILE LINE: replaced by the line, or 73. Without the record a later sync would judge wrongly, so none goes on.
keep_record() { { printf '%s\n' "$2" >"$1"; } 2>/dev/null || report_unkept "$1"; }
add_record() { { printf '%s\n' "$2" >>"$1"; } 2>/dev/null || report_unkept "$1"; }

report_unkept() {
  problem "$EXIT_CANNOT_CREATE" error "$(visible "$1") cannot be written (permissions or a full disk?)." \
    "Nothing is lost: what is saved is committed here. Look: ls -ld $(quoted "$1"); then run sync again."
  return "$EXIT_CANNOT_CREATE"
}

report_bad_state() {
  local fixes=("Nothing was changed.")
  [ -z "$(find "$STATE" ! -user "$(id -u)" 2>/dev/null | head -n 1)" ] ||
    fixes+=("Files of another user are in it. Was a sync run with sudo? sudo chown -R $(quoted "$(id -un)") $(quoted "$STATE")")
  problem "$EXIT_CANNOT_CREATE" error "$1" "${fixes[@]}"
  return "$EXIT_CANNOT_CREATE"
}

judge_format() {
  local fix="Update claudetools here: git pull --ff-only, then run sync again."
  case $STATE_FOUND in
    *[!0-9]* | '' | ????????*) ;;
    *)
      if [ "$STATE_FOUND" -lt "$STATE_FORMAT" ]; then
        [ "${JOB:-}" != sync ] || return 0
        fix="A sync brings it up to date: $(sync_command)"
      fi
      ;;
  esac
  problem "$EXIT_SETUP" error "This repository's state is in format $(visible "$STATE_FOUND"), this version knows $STATE_FORMAT." \
    "Nothing was changed. $fix"
  return "$EXIT_SETUP"
}

# Whether the toolkit that runs is the one that was unpacked for the user's repository. Where another one runs, the repository
# is only data: nothing of its code is called, installed or named in a command.
runs_from_here() { [ -n "$FOR_CLIENTS" ] || [ "${TOOLKIT%/*}" -ef "${MAIN_STATE:-${STATE:-}}/toolkit" ]; }
FOR_CLIENTS=''
MAIN_STATE='' # the state of the user's repository, while the vault is synced

# On a server and in CI: the commands that are named are typed in a clone, wherever this runs.
speak_to_clients() {
  unset CLAUDETOOLS_TYPED
  FOR_CLIENTS=1
}

# A newer version has come into a clone that somebody has set up.
needs_setup() {
  local was=''
  [ "$ROLE" = main ] && runs_from_here && [ -e "$STATE/installed.json" ] || return
  read -r was 2>/dev/null <"$STATE/set-up"
  [ "$was" != "${TOOLKIT##*/}" ]
}
