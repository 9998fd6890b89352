# shellcheck shell=bash
# The command line of sync.sh. What it may hold stands in the header of sync.sh.
# Needs: exit_codes, ui, identity, python.
# Sets: ALLOWED DRY_RUN FROM_TOP JOB JSON JSON_PARTS MESSAGE NO_PUSH QUIET RESOLVE RESTORE ROUND SESSION TAKE_PATH
#   TAKE_SIDE TAKE_UPSTREAM TITLE VAULT_CHOSEN VAULT_ONLY VAULT_PARTS WAIT WANTED WHOSE.

parse_arguments() {
  JOB=sync MESSAGE='' WAIT='' PROGRESS='' NO_PUSH='' DRY_RUN='' JSON='' RESTORE='' RESOLVE='' WHOSE='' TAKE_PATH='' TAKE_UPSTREAM='' VAULT_ONLY='' VAULT_CHOSEN='' ROUND=1
  ALLOWED=() WANTED=() JSON_PARTS=() VAULT_PARTS=()
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help)
        JOB=help
        return 0
        ;;
      -m | --message) need_value "$@" && MESSAGE=$2 && shift ;;
      --mine | --all)
        [ -z "$WHOSE" ] || [ "$WHOSE" = "${1#--}" ] || wrong_usage "--mine and --all exclude each other."
        WHOSE=${1#--}
        ;;
      --wait) need_value "$@" && WAIT=$2 && shift ;;
      --allow) need_value "$@" && ALLOWED+=("$2") && shift ;;
      --restore) need_value "$@" && JOB=restore RESTORE=$2 && shift ;;
      --resolve) JOB=resolve ;;
      --abort) JOB=resolve RESOLVE=abort ;;
      --take)
        [ $# -ge 3 ] || wrong_usage "--take needs mine, theirs or both, and a path."
        case $2 in mine | theirs | both) ;; *) wrong_usage "--take takes mine, theirs or both, not '$(visible "$2")'." ;; esac
        JOB=resolve RESOLVE=take TAKE_SIDE=$2 TAKE_PATH=$3
        shift 2
        ;;
      --no-push) NO_PUSH=1 ;;
      --dry-run) DRY_RUN=1 ;;
      --json) JSON=1 ;;
      --quiet) QUIET=1 ;;
      --progress) PROGRESS=1 ;;
      --points) JOB=points ;;
      --status) JOB=status ;;
      --take-upstream) TAKE_UPSTREAM=1 ;;
      --vault) VAULT_ONLY=1 ;;
      --vault=?*) VAULT_ONLY=1 VAULT_CHOSEN=${1#--vault=} ;;
      --)
        shift
        [ $# -gt 0 ] || wrong_usage "-- needs at least one path."
        WANTED=("$@")
        break
        ;;
      *) wrong_usage "Unknown argument: $(visible "$1")" ;;
    esac
    shift
  done
  case $MESSAGE in *$'\n'*) wrong_usage "-m takes one line." ;; esac
  case $WAIT in *[!0-9]*) wrong_usage "--wait takes whole seconds, not '$(visible "$WAIT")'." ;; esac
  # An agent's shell is killed after 120 s by default: end before that, with an answer.
  if [ -n "${CLAUDECODE:-}" ]; then
    [ -n "$WAIT" ] && [ "$WAIT" -le 75 ] || WAIT=75
  fi
  WAIT=${WAIT:-120}
  find_session
  make_session_plain
  TITLE=${CLAUDETOOLS_SESSION_TITLE:-${SESSION:+sync of session ${SESSION:0:4}}}
  TITLE=${TITLE:-sync}
  [ -n "$VAULT_ONLY" ] || paths_from_top .
}

# An id as the name of the session's folder; any other than a plain one as in safe_id of pylib's sessions/registry.py.
make_session_plain() {
  local digest print_digest='import hashlib, os, sys; print(hashlib.sha256(os.fsencode(sys.argv[1])).hexdigest())'
  case ${SESSION//[[:space:]]/} in
    '') SESSION='' && return 0 ;;
    *[!A-Za-z0-9._-]* | .*) ;;
    "$SESSION") [ ${#SESSION} -gt 100 ] || return 0 ;;
  esac
  digest=$(find_python && "$PYTHON" -I -S -c "$print_digest" "$SESSION")
  SESSION=${digest:+x-${digest:0:16}}
}

# paths_from_top FOLDER: paths of the caller are relative to its folder, ours to the top of the tree.
paths_from_top() {
  local prefix i
  PATHS_IN=$1
  [ $((${#WANTED[@]} + ${#ALLOWED[@]})) -gt 0 ] || return 0
  prefix=$(git -C "$PATHS_IN" rev-parse --show-prefix 2>/dev/null) || return 0
  for ((i = 0; i < ${#WANTED[@]}; i++)); do
    path_from_top "$prefix" "${WANTED[i]}"
    is_known_path "${WANTED[i]}" || wrong_usage "$(visible "${WANTED[i]}") is not here, and git knows nothing of that name."
    WANTED[i]=$FROM_TOP
  done
  for ((i = 0; i < ${#ALLOWED[@]}; i++)); do path_from_top "$prefix" "${ALLOWED[i]}" && ALLOWED[i]=$FROM_TOP; done
}

# is_known_path PATH: it lies there, or git knows FROM_TOP. A mistyped one would save nothing, and say that all is well.
is_known_path() {
  local path=$1
  case $path in /*) ;; *) path=$PATHS_IN/$path ;; esac
  [ -e "$path" ] || [ -L "$path" ] || [ -n "$(git -C "$PATHS_IN" ls-files -- ":(top,literal)$FROM_TOP")" ] ||
    [ -n "$(git -C "$PATHS_IN" ls-tree -r --full-tree --name-only HEAD -- "$FROM_TOP" 2>/dev/null)" ]
}

# path_from_top PREFIX PATH: sets FROM_TOP (a variable, because $(...) would lose a newline at the end of a name).
path_from_top() {
  local prefix=$1 path=$2 top part rest
  case $path in
    /*)
      top=$(git -C "${PATHS_IN:-.}" rev-parse --show-toplevel)
      # Git's top has its links resolved, what the caller typed may lead through one.
      case $path in "$top" | "$top"/*) ;; *) path=$(cd "${path%/*}/" 2>/dev/null && pwd -P)/${path##*/} ;; esac
      case $path in "$top" | "$top"/*) ;; *) wrong_usage "$(visible "$2") lies outside this repository." ;; esac
      path=${path#"$top"} prefix=''
      ;;
  esac
  rest=$prefix$path/ FROM_TOP=''
  while [ -n "$rest" ]; do
    part=${rest%%/*}
    rest=${rest#*/}
    case $part in
      '' | .) ;;
      ..)
        [ -n "$FROM_TOP" ] || wrong_usage "$(visible "$2") lies outside this repository."
        case $FROM_TOP in */*) FROM_TOP=${FROM_TOP%/*} ;; *) FROM_TOP='' ;; esac
        ;;
      *) FROM_TOP=${FROM_TOP:+$FROM_TOP/}$part ;;
    esac
  done
  FROM_TOP=${FROM_TOP:-.}
}

need_value() { [ $# -ge 2 ] || wrong_usage "$1 needs a value."; }

# shows_progress: whether somebody looks at stderr, or asked for it.
shows_progress() { [ -n "$PROGRESS" ] || { [ -z "$QUIET$JSON" ] && [ -t 2 ]; }; }
