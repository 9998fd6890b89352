# shellcheck shell=bash
# A rebase without a working tree: commits become objects on another base, nobody's file is touched.
# Needs: repository, results, python.
# Sets: AHEAD AHEAD_PLAIN BEHIND BEHIND_OIDS CONFLICTS CONTAINED CONVENTIONS PAIR_LOCAL PAIR_PUSHED PARKED RELATED
#   REPLAYED_PAIRS RESOLVED SEEN_TREE SHARED TIP WRITTEN.

readonly REPLAY_IN_SHELL=8 # more commits than that are quicker in Python

# relate: how HEAD and the remote's tip lie to each other, by one walk over what they do not share. Sets AHEAD ("oid
# parents" of each commit that only HEAD has, oldest first), AHEAD_PLAIN (1 when no sync here wrote one of them), BEHIND
# ("machine|author" of each that only the remote has, without merges), BEHIND_OIDS and SHARED, where both meet.
relate() {
  local mark oid tree parents machine author form='%m|%H|%T|%P|%(trailers:key=Machine,valueonly,separator=%x20)|%an'
  [ "$RELATED" != "$SEEN $HEAD_OID" ] || return 0
  AHEAD='' AHEAD_PLAIN='' WRITTEN=none BEHIND='' BEHIND_OIDS=' ' SHARED=' ' SEEN_TREE=''
  git -C "$TOP" log --left-right --boundary --reverse --topo-order --no-show-signature --format="$form" \
    "$SEEN...$HEAD_OID" >"$WORK/relation" 2>"$WORK/error" || {
    report_git_failure "git log"
    return "$EXIT_INTERNAL"
  }
  while IFS='|' read -r mark oid tree parents machine author; do
    case $mark in
      '>')
        AHEAD+="$oid${parents:+ $parents}"$'\n'
        was_written_here "$oid" || AHEAD_PLAIN=1
        ;;
      '<')
        BEHIND_OIDS+="$oid "
        [ "$oid" != "$SEEN" ] || SEEN_TREE=$tree
        case $parents in *' '*) ;; *) BEHIND+="$machine|$author"$'\n' ;; esac
        ;;
      -) SHARED+="$oid " ;;
    esac
  done <"$WORK/relation"
  RELATED="$SEEN $HEAD_OID"
}

# Asked twice where git fails: "no" would mean that the remote's history was rewritten, or that ours was never sent.
is_ancestor() {
  git -C "$TOP" merge-base --is-ancestor "$1" "$2" 2>/dev/null
  case $? in
    0) ;;
    1) return 1 ;;
    *) git -C "$TOP" merge-base --is-ancestor "$1" "$2" 2>/dev/null ;;
  esac
}

tell_replay() {
  local fact
  for fact in ${REPLAY_FACTS[@]+"${REPLAY_FACTS[@]}"}; do note_fact "$fact"; done
  REPLAY_FACTS=()
}

# has_root LINES: one of the commits has no parent. Histories without a common commit show all of theirs.
has_root() {
  local line
  while IFS= read -r line; do
    case $line in '' | *' '*) ;; *) return 0 ;; esac
  done <<<"$1"
  return 1
}

# replay_onto TARGET: sets TIP to TARGET with the commits of HEAD that are not there yet, REPLAYED_PAIRS (old and new
# name of each), CONTAINED (the same for those whose change TARGET has already), and PARKED, CONFLICTS when some of them
# truly conflict. 0, or an exit code.
replay_onto() {
  local target=$1 lines line count=0
  PARKED=() CONFLICTS=() REPLAYED_PAIRS=() CONTAINED=() REPLAY_FACTS=() RESOLVED=''
  relate || return
  ! has_root "$AHEAD" || git -C "$TOP" merge-base "$HEAD_OID" "$target" >/dev/null 2>&1 || {
    problem "$EXIT_SETUP" error "This branch and $(visible "$REMOTE")/$(visible "$BRANCH") have no commit in common." \
      "Nothing was pushed. If they belong together: git -C $(quoted "$TOP") merge --allow-unrelated-histories $(quoted "$REMOTE/$BRANCH")"
    return "$EXIT_SETUP"
  }
  find_pair "$target"
  lines=$AHEAD
  [ -z "$PAIR_LOCAL" ] || lines=$(git -C "$TOP" rev-list --reverse --topo-order --parents "$target..$HEAD_OID" "^$PAIR_LOCAL") || return "$EXIT_INTERNAL"
  while IFS= read -r line; do [ -z "$line" ] || count=$((count + 1)); done <<<"$lines"
  # Ciphertext must not be merged by lines (dropped.py). With a pair, what HEAD holds may be upstream under another name (namesakes.py).
  if [ -n "$PAIR_LOCAL$CONFIG_DRIVER" ] || [ "$count" -gt "$REPLAY_IN_SHELL" ] || holds_merge "$lines" || may_hold_cipher; then
    replay_thoroughly "$target"
    return
  fi
  replay_in_shell "$target" "$lines"
}

# In the vault, where the conventions of one are at the top, and where such a file is among what is saved.
may_hold_cipher() {
  [ "$ROLE" != vault ] && [ -z "$SEALS_SAVED" ] || return 0
  CONVENTIONS=$TOP
  find_conventions ''
  [ -n "$SEAL_NEAR" ]
}

# A straight line of few commits; what this does not settle is replayed thoroughly from the beginning.
replay_in_shell() {
  local target=$1 lines=$2 line tip tip_tree first=1
  tip=$target
  tip_tree=$SEEN_TREE
  [ -n "$tip_tree" ] || tip_tree=$(exec git -C "$TOP" rev-parse "$target^{tree}") || return "$EXIT_INTERNAL"
  while IFS= read -r line; do
    [ -n "$line" ] || continue
    replay_commit "${line%% *}" "${line#* }" "$tip" "$tip_tree" "${first:+ancestor}"
    case $? in
      0) ;;
      1)
        replay_thoroughly "$target"
        return
        ;;
      *) return "$EXIT_INTERNAL" ;;
    esac
    REPLAYED_PAIRS+=("${line%% *} $REPLAYED")
    tip=$REPLAYED tip_tree=$REPLAYED_TREE first=''
  done <<<"$lines"
  TIP=$tip
}

# keep_pair PUSHED [REFUSED...]: one line of the record `pairs`: HEAD, PUSHED, OLD=NEW for each commit that goes with it,
# and by name the parked ones and those that are called REFUSED in TIP. Should the receive stop, a later sync replays
# every commit of HEAD that no line names as gone.
keep_pair() {
  local pushed=$1 pair words=''
  shift
  for pair in ${REPLAYED_PAIRS[@]+"${REPLAYED_PAIRS[@]}"} ${CONTAINED[@]+"${CONTAINED[@]}"}; do
    if contains "${pair#* }" "$@"; then words+=" ${pair%% *}"; else words+=" ${pair/ /=}"; fi
  done
  add_record "$TREE/pairs" "$HEAD_OID $pushed$words${PARKED[*]+ ${PARKED[*]}}"
}

# follow_names STEPS...: REPLAYED_PAIRS and CONTAINED after another replay, each step the name before it and after it.
follow_names() {
  local i step from
  for step in "$@"; do
    from=''
    for ((i = 0; i < ${#REPLAYED_PAIRS[@]}; i++)); do
      [ "${REPLAYED_PAIRS[i]#* }" = "${step%% *}" ] || continue
      from=1 REPLAYED_PAIRS[i]="${REPLAYED_PAIRS[i]%% *} ${step#* }"
    done
    for ((i = 0; i < ${#CONTAINED[@]}; i++)); do
      [ "${CONTAINED[i]#* }" != "${step%% *}" ] || CONTAINED[i]="${CONTAINED[i]%% *} ${step#* }"
    done
    [ -n "$from" ] || REPLAYED_PAIRS+=("$step")
  done
}

# keeps_every_commit NEW: whether each commit of HEAD is in NEW's history, or its change is under another name. The last
# look before the branch moves and before the copy of parked commits goes, whatever has been planned.
keeps_every_commit() {
  local new=$1 line lines=$AHEAD pair found
  [ -n "$HEAD_OID" ] && [ "$new" != "$HEAD_OID" ] || return 0
  [ "$RELATED" = "$UPSTREAM $HEAD_OID" ] || lines=$(git -C "$TOP" rev-list "$HEAD_OID" "^$new" 2>"$WORK/error") || return
  while IFS= read -r line; do
    [ -n "$line" ] || continue
    found=''
    for pair in ${REPLAYED_PAIRS[@]+"${REPLAYED_PAIRS[@]}"} ${CONTAINED[@]+"${CONTAINED[@]}"}; do
      [ "${pair%% *}" != "${line%% *}" ] || found=1
    done
    [ -n "$found" ] || is_ancestor "${line%% *}" "$new" || {
      printf '%s would leave the branch, and is not known to be in %s\n' "${line:0:12}" "${new:0:12}" >"$WORK/error"
      return 1
    }
  done <<<"$lines"
}

# The pair of an earlier push: local commit L was pushed as N. With N upstream, what L holds is there already, whatever
# upstream did to it since: patch ids could not tell. Commits that had to be parked then are named behind (replay.py).
find_pair() {
  local target=$1 local_tip pushed
  PAIR_LOCAL='' PAIR_PUSHED=''
  [ -s "$TREE/pairs" ] || return 0
  while read -r local_tip pushed _; do
    if is_ancestor "$pushed" "$target" && is_ancestor "$local_tip" "$HEAD_OID"; then
      PAIR_LOCAL=$local_tip PAIR_PUSHED=$pushed
    fi
  done <"$TREE/pairs"
}

holds_merge() {
  local line
  while IFS= read -r line; do
    case $line in *' '*' '*) return 0 ;; esac
  done <<<"$1"
  return 1
}

# Merge commits, conflicts, merge drivers (one may drop our side), what an earlier sync parked: pylib/claudetools/merge/replay.py.
replay_thoroughly() {
  local out word one other
  require_python_for "merging with what came in" || return
  out=$(run_python replay --top "$TOP" --tree-state "$TREE" --head "$HEAD_OID" --onto "$1" 2>"$WORK/error") || {
    report_git_failure "replaying commits"
    return "$EXIT_INTERNAL"
  }
  REPLAYED_PAIRS=()
  while IFS=$'\t' read -r word one other; do
    case $word in
      tip) TIP=$one ;;
      replayed) REPLAYED_PAIRS+=("$one $other") ;;
      contained) CONTAINED+=("$one $other") ;;
      parked) PARKED+=("$one") ;;
      conflict) CONFLICTS+=("$one"$'\t'"$other") ;;
      settled) REPLAY_FACTS+=("[INFO] $one: $other.") ;;
      resolved)
        RESOLVED=1
        REPLAY_FACTS+=("[INFO] $one: your resolution was taken.")
        ;;
    esac
  done <<<"$out"
}

# replay_commit COMMIT PARENT TIP TIP_TREE BASE: sets REPLAYED and REPLAYED_TREE; 1 for a conflict. With BASE "ancestor", PARENT is in
# TIP's history, and so is the merge base by itself; else a throw-away commit with PARENT as its parent makes it so.
replay_commit() {
  local commit=$1 parent=$2 tip=$3 tip_tree=$4 base=$5 onto text
  REPLAYED=$tip REPLAYED_TREE=$tip_tree
  onto=$tip
  if [ "$base" != ancestor ]; then
    onto=$(git -C "$TOP" commit-tree "$tip_tree" -p "$parent" -m base) || return "$EXIT_INTERNAL"
  fi
  # Encrypted files have no lines that could be merged: a file of attributes that only our merges read.
  text=$(exec git -C "$TOP" -c "core.attributesFile=$TOOLKIT/pylib/claudetools/merge/merge-attributes" merge-tree --write-tree --name-only "$onto" "$commit" 2>"$WORK/error")
  case $? in
    0) ;;
    1) return 1 ;;
    *)
      report_git_failure "git merge-tree"
      return "$EXIT_INTERNAL"
      ;;
  esac
  text=${text%%$'\n'*}
  [ "$text" != "$tip_tree" ] || return 0 # upstream has it already
  REPLAYED_TREE=$text
  rewrite_commit "$commit" "$REPLAYED_TREE" "$tip"
}

# The same commit with another tree and parent: author, dates, message and encoding stay; a signature would be a lie.
rewrite_commit() {
  local commit=$1 tree=$2 parent=$3
  git -C "$TOP" cat-file commit "$commit" >"$WORK/commit" 2>"$WORK/error" || return "$EXIT_INTERNAL"
  with_new_header "$tree" "$parent" <"$WORK/commit" >"$WORK/rewritten"
  if [ "$CONFIG_SIGN" = true ]; then
    sign_rewritten "$tree" "$parent"
  else
    REPLAYED=$(exec git -C "$TOP" hash-object -t commit -w "$WORK/rewritten" 2>"$WORK/error") && return 0
    report_git_failure "git hash-object"
    return "$EXIT_INTERNAL"
  fi
}

# A commit object from stdin to stdout: another tree, one parent, no signature; the rest as it is.
with_new_header() {
  local tree=$1 parent=$2 line header=1 skip=''
  while IFS= read -r line || [ -n "$line" ]; do
    if [ -n "$header" ]; then
      case $line in
        'tree '*) line="tree $tree"$'\n'"parent $parent" skip='' ;;
        'parent '*)
          skip=1
          continue
          ;;
        gpgsig*)
          skip=1
          continue
          ;;
        ' '*) [ -z "$skip" ] || continue ;;
        '') header='' ;;
        *) skip='' ;;
      esac
    fi
    printf '%s\n' "$line"
  done
}

sign_rewritten() {
  local tree=$1 parent=$2 line author='' committer=''
  while IFS= read -r line; do
    case $line in
      'author '*) author=${line#author } ;;
      'committer '*) committer=${line#committer } ;;
      '') break ;;
    esac
  done <"$WORK/rewritten"
  sed '1,/^$/d' "$WORK/rewritten" >"$WORK/message.old"
  REPLAYED=$(
    export GIT_AUTHOR_NAME=${author%% <*} GIT_AUTHOR_DATE="@${author##*> }" GIT_COMMITTER_DATE="@${committer##*> }"
    GIT_AUTHOR_EMAIL=${author##* <}
    export GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL%%>*}
    git -C "$TOP" commit-tree -S -p "$parent" -F "$WORK/message.old" "$tree" 2>"$WORK/error"
  ) && return 0
  report_git_failure "signing a rebased commit"
  return "$EXIT_SETUP"
}
