# shellcheck shell=bash
# A rebase without a working tree: commits become objects on another base, nobody's file is touched.
# Needs: repository, report.

# replay_onto TARGET: sets TIP to TARGET with the commits of HEAD that are not there yet. 0, or an exit code.
replay_onto() {
  local target=$1 cut lines line words commit tip tip_tree first=1
  git -C "$TOP" merge-base "$HEAD_OID" "$target" >/dev/null 2>&1 || {
    problem "$EXIT_SETUP" error "This branch and $(visible "$REMOTE")/$(visible "$BRANCH") have no commit in common." \
      "Nothing was pushed. If they belong together: git -C $(quoted "$TOP") merge --allow-unrelated-histories $(quoted "$REMOTE/$BRANCH")"
    return "$EXIT_SETUP"
  }
  cut=$(find_pair "$target")
  lines=$(git -C "$TOP" rev-list --reverse --topo-order --parents "$target..$HEAD_OID" ${cut:+"^$cut"}) || return "$EXIT_INTERNAL"
  tip=$target REPLAYED_PAIRS=()
  tip_tree=$(git -C "$TOP" rev-parse "$target^{tree}") || return "$EXIT_INTERNAL"
  if holds_merge "$lines"; then
    merge_onto "$target"
    return
  fi
  while IFS= read -r line; do
    [ -n "$line" ] || continue
    commit=${line%% *}
    words=${line#* }
    replay_commit "$commit" "$words" "$tip" "$tip_tree" "${first:+${cut:-ancestor}}" || return
    REPLAYED_PAIRS+=("$commit $REPLAYED")
    tip=$REPLAYED tip_tree=$REPLAYED_TREE first=''
  done <<<"$lines"
  TIP=$tip
}

# The pair of an earlier push: local commit L was pushed as N. With N upstream, what L holds is there already, whatever
# upstream did to it since: patch ids could not tell.
find_pair() {
  local target=$1 local_tip pushed found=''
  [ -s "$TREE/pairs" ] || return 0
  while read -r local_tip pushed; do
    is_ancestor "$pushed" "$target" && is_ancestor "$local_tip" "$HEAD_OID" && found=$local_tip
  done <"$TREE/pairs"
  printf '%s' "$found"
}

holds_merge() {
  local line
  while IFS= read -r line; do
    case $line in *' '*' '*) return 0 ;; esac
  done <<<"$1"
  return 1
}

# Somebody pulled with a merge here: what they wrote in it is kept by merging once more, never by linearising.
merge_onto() {
  local target=$1 tree
  tree=$(git -C "$TOP" merge-tree --write-tree --name-only "$target" "$HEAD_OID" 2>"$WORK/error") || {
    report_conflict "$HEAD_OID" "$tree"
    return
  }
  TIP=$(git -C "$TOP" commit-tree "${tree%%$'\n'*}" -p "$target" -p "$HEAD_OID" -m "Merge local commits with $REMOTE/$BRANCH") ||
    return "$EXIT_INTERNAL"
}

# replay_commit COMMIT PARENT TIP TIP_TREE BASE: sets REPLAYED and REPLAYED_TREE. With BASE "ancestor", PARENT is in
# TIP's history, and so is the merge base by itself; else a throw-away commit with PARENT as its parent makes it so.
replay_commit() {
  local commit=$1 parent=$2 tip=$3 tip_tree=$4 base=$5 onto text
  REPLAYED=$tip REPLAYED_TREE=$tip_tree
  onto=$tip
  if [ "$base" != ancestor ]; then
    onto=$(git -C "$TOP" commit-tree "$tip_tree" -p "$parent" -m base) || return "$EXIT_INTERNAL"
  fi
  text=$(git -C "$TOP" merge-tree --write-tree --name-only "$onto" "$commit" 2>"$WORK/error")
  case $? in
    0) ;;
    1)
      report_conflict "$commit" "$text"
      return
      ;;
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
  local commit=$1 tree=$2 parent=$3 line header=1 skip=''
  git -C "$TOP" cat-file commit "$commit" >"$WORK/commit" 2>"$WORK/error" || return "$EXIT_INTERNAL"
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
  done <"$WORK/commit" >"$WORK/commit.new"
  if [ "$CONFIG_SIGN" = true ]; then
    sign_rewritten "$tree" "$parent"
  else
    REPLAYED=$(git -C "$TOP" hash-object -t commit -w "$WORK/commit.new" 2>"$WORK/error") && return 0
    report_git_failure "git hash-object"
    return "$EXIT_INTERNAL"
  fi
}

sign_rewritten() {
  local tree=$1 parent=$2 line author='' committer=''
  while IFS= read -r line; do
    case $line in
      'author '*) author=${line#author } ;;
      'committer '*) committer=${line#committer } ;;
      '') break ;;
    esac
  done <"$WORK/commit.new"
  sed '1,/^$/d' "$WORK/commit.new" >"$WORK/message.old"
  REPLAYED=$(
    export GIT_AUTHOR_NAME=${author%% <*} GIT_AUTHOR_DATE="@${author##*> }" GIT_COMMITTER_DATE="@${committer##*> }"
    GIT_AUTHOR_EMAIL=${author##* <}
    export GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL%%>*}
    git -C "$TOP" commit-tree -S -p "$parent" -F "$WORK/message.old" "$tree" 2>"$WORK/error"
  ) && return 0
  report_git_failure "signing a rebased commit"
  return "$EXIT_SETUP"
}

# report_conflict COMMIT TEXT: TEXT is merge-tree's output, the tree, then one path a line, then a blank line.
report_conflict() {
  local commit=$1 text=$2 path paths=() who
  text=${text#*$'\n'}
  while IFS= read -r path; do
    [ -n "$path" ] || break
    paths+=("$(visible "$path")")
  done <<<"$text"
  who=$(git -C "$TOP" log -1 --format='%an (%h, %cd)' --date=format:%H:%M "$SEEN" -- ${paths[@]+"${paths[@]}"} 2>/dev/null)
  problem "$EXIT_HELD" error "${paths[0]:-some file}: you and ${who:-somebody else} wrote different text." \
    "Your folder keeps your text, and your commits stay here. Nothing was pushed, nothing was received." \
    "Conflicting commit: $(git -C "$TOP" log -1 --format='%h %s' "$commit" 2>/dev/null)" \
    "See theirs: git -C $(quoted "$TOP") show $(quoted "$REMOTE/$BRANCH:${paths[0]:-PATH}")" \
    "Write what is right into the file, then: git -C $(quoted "$TOP") pull --rebase"
  return "$EXIT_HELD"
}
