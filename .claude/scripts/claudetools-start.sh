# shellcheck shell=sh
# Start the claudetools that .claude/claudetools.json names by version and sum. The programs beside this file and the lines
# in .claude/settings.json source it: $h is this folder, the arguments say what to start. The archive is unpacked once, into
# the git folder, and only in a clone that a person has set up. Nothing comes from a network.
#
# A clone that was set up has a copy in its git folder, for what shall not change with a commit that comes in: git's hooks,
# the scheduler, `claudetools` on the PATH. It is started with the folder of the repository as first argument.
tools=${CLAUDETOOLS_TYPED:-bash .claude/scripts/claudetools.sh}
case $0 in
  */claudetools/start.sh) top=$1 && shift ;;
  *)
    case ${0##*/} in claudetools-start.sh) h=${0%/*} ;; esac # `sh claudetools-start.sh where` prints the toolkit's folder
    top=${h%/.claude/scripts}
    [ "$top" != "$h" ] || top=$h/../..
    ;;
esac

find_state() { # in the git folder that all worktrees share; .git is a file in those
  git=$top/.git
  if [ -f "$git" ]; then
    IFS= read -r git <"$git"
    git=${git#gitdir: }
    case $git in /* | ?:*) ;; *) git=$top/$git ;; esac
    if [ -f "$git/commondir" ] && IFS= read -r line <"$git/commondir"; then
      case $line in /* | ?:*) git=$line ;; *) git=$git/$line ;; esac
    fi
  fi
  state=$git/claudetools
}

read_pin() { # sets version, and sum to '' where they cannot be read: also of a link, and of more than settings.py takes
  pin='' sum='' version='' size=0
  file=$top/.claude/claudetools.json
  [ -f "$file" ] && [ ! -L "$file" ] && [ -r "$file" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    size=$((size + ${#line} + 1))
    [ "$size" -le 65537 ] || return 0
    pin=$pin$line
  done <"$file"
  read_value version && version=$value
  read_value sha256 && sum=$value
  case $version in '' | *[!0-9A-Za-z.+-]*) version='?' sum='' ;; esac
  case $sum in *[!0-9a-f]*) sum='' ;; esac
  [ ${#sum} -eq 64 ] || sum=''
}

read_value() { # of a key; how the file is laid out does not matter
  case $pin in *"\"$1\""*) value=${pin#*"\"$1\""} ;; *) return 1 ;; esac
  value=${value#*\"}
  value=${value%%\"*}
}

unpack() { # 0; 1 there is no archive; else why not is said. What is checked is a copy, which nobody replaces meanwhile.
  new=$(umask 077 && mkdir -p "$state/toolkit" && mktemp -d "$state/toolkit/.new-XXXXXX") || unwritten
  trap 'rm -rf "$new"' EXIT
  find "$state/toolkit/." ! -name . -prune -name '.new-*' -mtime +0 -exec rm -rf {} + 2>/dev/null # of runs that were killed
  mkdir "$new/$sum" || unwritten
  found=''
  if take_archive || take_committed; then
    tar -xzf - -C "$new/$sum" <"$new/archive" || unwritten # by its name, "a:b/c" is a file of machine a
  elif [ -n "$found" ]; then
    say_error "$archive is not the one that .claude/claudetools.json names. Nothing of it was run." "its sum:  $found" \
      "expected: $sum" "See who changed it: git log -3 -- .claude/claudetools.json $archive     or install claudetools again."
    exit 78
  else
    take_installed || exit 1
  fi
  mv "$new/$sum" "$state/toolkit/" 2>/dev/null # of several at once the first
  [ -e "$toolkit/scripts/sync.sh" ] || unwritten
}

take_archive() { # sets found, its sum; '' for none, and for the pointer that LFS leaves in its place
  [ -f "$top/$archive" ] || return
  cat "$top/$archive" >"$new/archive" || unwritten
  IFS= read -r line <"$new/archive" || :
  case $line in 'version https://git-lfs'*) return 1 ;; esac
  found=$(sum_of "$new/archive")
  case $found in unknown*) ;; *) found=${found%% *} ;; esac
  [ "$found" = "$sum" ]
}

ask_git() { # of this repository: in a hook of another one, git's variables name that
  (unset GIT_DIR GIT_COMMON_DIR GIT_WORK_TREE GIT_INDEX_FILE && exec git -C "$top" "$@" 2>/dev/null)
}

take_committed() { # where it is not in the tree: deleted, or left out by a sparse checkout
  ask_git cat-file blob "HEAD:$archive" >"$new/archive" || return
  line=$(sum_of "$new/archive")
  [ "${line%% *}" = "$sum" ]
}

sum_of() { # by whichever program is there
  for program in 'shasum -a 256' sha256sum 'openssl dgst -sha256 -r'; do
    $program <"$1" 2>/dev/null && return
  done
  python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())' <"$1" 2>/dev/null ||
    printf 'unknown: this machine has no shasum, sha256sum, openssl or python3'
}

take_installed() { # the one on the PATH, where the repository wants that (install.sh --no-archive)
  read_value source && installed=$(cd / && claudetools --version 2>/dev/null) && [ "$installed" = "claudetools $version" ] &&
    installed=$(cd / && claudetools --toolkit) && [ -e "$installed/scripts/sync.sh" ] && mkdir "$new/$sum/.claude" || return
  for part in scripts pylib hooks LICENSE pyproject.toml .claude/scripts .claude/skills; do
    cp -R "$installed/$part" "$new/$sum/$part" || unwritten
  done
}

unwritten() {
  say_error "claudetools $version could not be unpacked into $state/toolkit (a full disk, or permissions?)." \
    "Nothing was changed. The same command tries again."
  exit 73
}

say_error() {
  printf '[ERROR] %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '        %s\n' "$@" >&2
}

run_last() { # the version that ran before goes on: $1 says why, $2 what to do, $3 is what was typed behind claudetools.sh
  was='' version=''
  [ ! -f "$state/pin" ] || read -r was version <"$state/pin"
  if [ -z "$was" ] || [ ! -d "$state/toolkit/$was" ]; then
    say_error "claudetools cannot start: $1." "$2"
    leave 78
  fi
  toolkit=$state/toolkit/$was
  [ "$job${3:-}" != claudetools.shtrust ] || return 0 # that is the answer
  printf '[WARN] claudetools %s runs on: %s. %s\n' "$version" "$1" "$2" >&2
}

waits() { # another version came in, and this clone wants to be asked: git knows it also before a sync has written it down
  [ -n "$was" ] && [ "$was" != "$sum" ] || return
  [ -e "$state/trust-ask" ] || [ "$(ask_git config claudetools.trust)" = ask ] || return
  ! grep -qx "$sum" "$state/trusted" 2>/dev/null
}

leave() { # an agent's hook never fails
  [ "$job" != hook ] || exit 0
  exit "$1"
}

refuse_clone() { # code that others have committed runs where a person wants it: not because a repository was cloned
  setup="$tools setup"
  case $job${2:-} in
    hooksession-start) printf '{"hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": "%s: %s"}}\n' \
      "claudetools is not set up in this clone, so nothing is recorded, and sync.sh does not run. If its person wants it" "$setup" ;;
    hook* | where*) ;;
    *) say_error "claudetools is not set up in this clone, and nothing of it was run." \
      "It is code of this repository. If you trust who wrote that: $setup" ;;
  esac
  leave 78
}

job=$1
find_state
read_pin
toolkit=$state/toolkit/$sum archive=.claude/claudetools-$version.tar.gz
if [ ! -e "$top/.claude/claudetools.json" ] && [ -e "$top/scripts/lib/environment.sh" ]; then
  toolkit=$top # claudetools itself
else
  case $1${2:-} in
    claudetools.shsetup | claudetools.shinstall | claudetools.shrules) ;;
    *) [ -e "$state/installed.json" ] || refuse_clone "$@" ;;
  esac
  was=''
  [ ! -f "$state/pin" ] || read -r was _ <"$state/pin"
  if [ -z "$sum" ]; then
    run_last ".claude/claudetools.json names no version with its sum" \
      "Take it back: git checkout HEAD -- .claude/claudetools.json     or see who changed it: git log -3 -- .claude/claudetools.json"
  elif waits; then
    run_last "claudetools $version came in and waits for your word" "See it, and accept it: $tools trust" "${2:-}"
  elif [ -d "$toolkit" ] || (unpack); then
    [ "$was" = "$sum" ] || { printf '%s %s\n' "$sum" "$version" >"$state/pin.$$" && mv -f "$state/pin.$$" "$state/pin"; } 2>/dev/null
  else
    status=$?
    [ "$status" -eq 1 ] || leave "$status"
    if read_value source; then
      case $value in *[!0-9A-Za-z=.:/@+_#~-]*) value=claudetools==$version ;; esac
      run_last "version $version is not installed" "Get it: uv tool install '$value'     or: pipx install '$value'"
    else
      run_last "$archive is missing" "See what became of it: git log -3 -- $archive     or install claudetools again."
    fi
  fi
fi
shift
case $job in
  hook)
    h=$toolkit/hooks/agent
    # shellcheck source=/dev/null
    [ ! -f "$h/run.sh" ] || . "$h/run.sh"
    ;;
  where) printf '%s\n' "$toolkit" ;;
  *) exec bash "$toolkit/scripts/$job" "$@" ;;
esac
