# shellcheck shell=bash
# One hook of the repository's own: where git would look for it, and the one place where it is started: in the check tree,
# with the arguments, the standard input and the environment that git gives it, under a limit of its own.
# Needs: repository, check_tree, owner, results, ui.
# Sets: HOOKS HOOK_BROKE HOOK_INPUT HOOK_LINE HOOK_LINES HOOK_MEND HOOK_STATUS IGNORED_HOOKS.

HOOK='' HOOK_PID='' HOOK_INPUT='' HOOK_STATUS=0 HOOK_BROKE='' HOOK_MEND='' HOOK_LINES=() KILLED_HOOK='' HOOK_KILLS=0

# find_hook NAME: sets HOOK, the file that git would start; fails when there is none.
find_hook() {
  local line=''
  [ -n "$HOOKS" ] || find_hooks_folder
  HOOK=$HOOKS/$1
  if [ ! -f "$HOOK" ] || [ ! -x "$HOOK" ]; then
    [ ! -f "$HOOK" ] || note_ignored_hook "$HOOK"
    return 1
  fi
  # Our own shim (hooks/git/shim) stands for the hook that was there before it, if there was one.
  { read -r line && read -r line; } 2>/dev/null <"$HOOK"
  case $line in '# Installed by claudetools'*) HOOK=$HOOK.before && [ -f "$HOOK" ] && [ -x "$HOOK" ] ;; esac
}

find_hooks_folder() {
  HOOKS=$CONFIG_HOOKS
  case $HOOKS in
    '') HOOKS=$COMMON/hooks ;;
    \~* | %*) HOOKS=$(git -C "$TOP" config --path core.hooksPath) || HOOKS=$COMMON/hooks ;;
    /* | [A-Za-z]:[/\\]*) ;;
    *) HOOKS=$TOP/$HOOKS ;;
  esac
}

# git says so each time, unless it is told not to.
note_ignored_hook() {
  case $IGNORED_HOOKS in *"//$1//"*) return 0 ;; esac
  IGNORED_HOOKS+="//$1//"
  note_fact "[WARN] Your hook $(visible "$1") is not executable: as with git, it does not run. To let it run: chmod +x $(quoted "$1")"
}

# run_hook NAME COMMIT [ARGS...]: the hook that find_hook found, for COMMIT (its author; '' for none), with standard input
# from the file HOOK_INPUT. Its words are in $WORK/hook. Sets HOOK_STATUS; and where it said neither yes nor no, HOOK_BROKE,
# why, and HOOK_MEND. One that takes too long is ended with all that it started.
run_hook() {
  local name=$1 commit=$2 began ran step=10 told=0
  shift 2
  HOOK_STATUS=0 HOOK_BROKE=''
  : >"$WORK/hook"
  ! is_killed_each_time "$name" || return 0
  limit_hook
  read_epoch
  keep_hook_record "$name" "$LOCK_TOKEN"
  read_clock
  began=$NOW_MS
  checkpoint "hook-$name"
  set -m
  start_hook "$name" "$commit" "$@" <"${HOOK_INPUT:-/dev/null}" >"$WORK/hook" 2>&1 &
  HOOK_PID=$!
  set +m
  while kill -0 "$HOOK_PID" 2>/dev/null; do
    read_clock
    ran=$(((NOW_MS - began) / 1000))
    if [ "$ran" -ge "$HOOK_SECONDS" ]; then
      end_hook
      HOOK_STATUS=1 HOOK_BROKE="did not end within $HOOK_SECONDS s, and was ended"
      HOOK_MEND="If it needs longer: git -C $(quoted "$TOP") config claudetools.hookSeconds $((CONFIG_HOOK_SECONDS * 2))"
      break
    fi
    if [ "$ran" -ge $((told * 30 + 2)) ]; then
      info "Your repository's $name hook is running, $ran s of at most $HOOK_SECONDS."
      told=$((told + 1))
    fi
    pause "$step" 2>/dev/null # where bash tells that a hook was killed
    [ "$step" -ge 200 ] || step=$((step + 10))
  done
  [ -n "$HOOK_BROKE" ] || wait "$HOOK_PID" 2>/dev/null || HOOK_STATUS=$?
  HOOK_PID=''
  : >"$STATE/hook"
}

# The hook that runs, for those who wait and for whoever finds a dead run's lock: name, since when, whose, how often it was
# killed before.
keep_hook_record() {
  local kills=0
  [ "$1" != "$KILLED_HOOK" ] || kills=$HOOK_KILLS
  { printf '%s %s %s %s\n' "$1" "$NOW" "$2" "$kills" >"$STATE/hook"; } 2>/dev/null || : # for information
}

# Called with the lock held: a run was killed while it waited for a hook. Everything is as before it, but for the time.
note_killed_hook() {
  local name='' since='' token='' kills=''
  [ -s "$STATE/hook" ] || return 0
  read -r name since token kills 2>/dev/null <"$STATE/hook"
  : >"$STATE/hook"
  case $name$kills in '' | *[!a-z0-9-]*) return 0 ;; esac
  case $kills in '' | *[!0-9]*) return 0 ;; esac
  KILLED_HOOK=$name HOOK_KILLS=$kills
  [ "$token" != none ] || return 0
  HOOK_KILLS=$((kills + 1))
  note_fact "[INFO] The last sync was killed while your repository's $name hook ran.$(gives_up_on "$name" || printf ' This one starts over.')"
}

# Where an agent's end takes everything along, a slow hook would be started for ever.
gives_up_on() { [ "$1" = "$KILLED_HOOK" ] && [ "$HOOK_KILLS" -ge 2 ] && [ -n "${CLAUDECODE:-}" ]; }

is_killed_each_time() {
  gives_up_on "$1" || return 1
  HOOK_STATUS=1 HOOK_BROKE="was killed $HOOK_KILLS times before it was through, and is not started again from an agent's shell"
  HOOK_MEND="In a terminal: $(sync_command)"
  read_epoch
  keep_hook_record "$1" none
}

# Where the run itself may be ended, the hook has to be through before that.
limit_hook() {
  local left
  HOOK_SECONDS=$CONFIG_HOOK_SECONDS
  [ -z "$WATCHDOG" ] || {
    left=$(seconds_left)
    [ "$left" -ge "$HOOK_SECONDS" ] || HOOK_SECONDS=$left
  }
}

# Also when the run is ended by a signal.
end_hook() {
  [ -n "$HOOK_PID" ] || return 0
  kill -TERM -- "-$HOOK_PID" 2>/dev/null
  pause 200
  kill -KILL -- "-$HOOK_PID" 2>/dev/null
  wait "$HOOK_PID" 2>/dev/null
  HOOK_PID=''
  : >"$STATE/hook"
}

# start_hook NAME COMMIT ARGS...: what environment.sh sets is for our own gits.
start_hook() (
  local name=$1 commit=$2 i exec_path watch
  shift 2
  exec_path=$(git --exec-path)
  if [ -n "$commit" ]; then
    {
      IFS= read -r GIT_AUTHOR_NAME
      IFS= read -r GIT_AUTHOR_EMAIL
      IFS= read -r GIT_AUTHOR_DATE
    } < <(git -C "$TOP" log -1 --no-show-signature --date=raw --format='%an%n%ae%n@%ad' "$commit")
    export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_EDITOR=:
    export GIT_INDEX_FILE=$CHECK_GIT/index
    [ ! -d "$CHECK_TREE/.git" ] || GIT_INDEX_FILE=.git/index
  else
    unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL
    restore_variable GIT_EDITOR "$CALLER_EDITOR"
  fi
  restore_variable LC_ALL "$CALLER_LC_ALL"
  restore_variable GIT_SSH_COMMAND "$CALLER_SSH"
  for ((i = 0; i < GIT_CONFIG_COUNT; i++)); do unset "GIT_CONFIG_KEY_$i" "GIT_CONFIG_VALUE_$i"; done
  unset GIT_CONFIG_COUNT GIT_OPTIONAL_LOCKS GIT_MERGE_AUTOEDIT GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
  export GIT_PREFIX='' GIT_EXEC_PATH=$exec_path PATH=$exec_path:$PATH CLAUDETOOLS_IN_SYNC=$LOCK_TOKEN
  [ -d "$CHECK_TREE/.git" ] || export GIT_DIR=$CHECK_GIT # so does git where .git is a file
  cd "$CHECK_TREE" || return 126
  # By the name that git would call it, where that leads to the same file.
  [ ! ".git/hooks/$name" -ef "$HOOK" ] || HOOK=.git/hooks/$name
  end_with_sync &
  watch=$!
  # Not by exec: bash would make its name absolute; and this shell holds the lock until the hook has ended, what the hook
  # leaves behind does not.
  "$HOOK" "$@" 6>&- 7>&- 8>&- 9>&-
  i=$?
  kill -TERM "$watch" 2>/dev/null
  return "$i"
)

# A sync that is killed takes its hook along: nobody waits for its answer, and it would keep the lock.
end_with_sync() {
  local nap=''
  exec </dev/null >/dev/null 2>&1 6>&- 7>&- 8>&- 9>&-
  trap 'kill "$nap"; exit 0' TERM
  while is_running $$; do
    sleep 1 &
    nap=$!
    wait "$nap"
  done
  kill -KILL 0
}

restore_variable() { # restore_variable NAME VALUE, or "unset"
  if [ "$2" = unset ]; then unset "$1"; else export "$1=$2"; fi
}

# read_hook_words [FILE]: sets HOOK_LINES, the end of what it said, for a message.
read_hook_words() {
  local line
  HOOK_LINES=()
  while IFS= read -r line || [ -n "$line" ]; do
    clean_hook_line "$line"
    [ -z "$HOOK_LINE" ] || HOOK_LINES+=("  $(visible "$HOOK_LINE")")
    [ ${#HOOK_LINES[@]} -le 8 ] || HOOK_LINES=("${HOOK_LINES[@]:1}")
  done <"${1:-$WORK/hook}"
}

# clean_hook_line LINE: sets HOOK_LINE: without colours, and with the files of its copy named as those of the folder.
clean_hook_line() {
  local colour=$'\033''\[[0-9;]*[A-Za-z]'
  HOOK_LINE=${1//"$CHECK_TREE/"/}
  while [[ $HOOK_LINE =~ $colour ]]; do HOOK_LINE=${HOOK_LINE/"${BASH_REMATCH[0]}"/}; done
}
