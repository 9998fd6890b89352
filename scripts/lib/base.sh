# shellcheck shell=bash
# Which commit the tree holds, apart from unsaved edits: HEAD, unless a plain commit or a hook came in between.
# Needs: repository, results.
# Sets: BASE_OID.

# The commit that the tree holds: HEAD, or what the journal of an advance says that lost its branch to a plain commit.
find_base() {
  local text file
  BASE_OID=$HEAD_OID
  # Of a run that was killed right behind a commit that a hook had rewritten, or before that commit landed.
  for file in "$TREE"/landing.*; do
    [ -e "$file" ] || continue
    if [ "${file##*.}" = "$HEAD_OID" ] && [ ! -e "$TREE/journal" ]; then mv "$file" "$TREE/journal"; else rm -f "$file"; fi
  done
  [ -s "$TREE/journal" ] || return 0
  text=$(<"$TREE/journal")
  text=${text##*\"new\": \"}
  BASE_OID=${text%%\"*}
}

# After a commit on top of HEAD: but for unsaved edits, the tree holds SPLIT_TREE. When that is the commit's tree, HEAD is
# the base again; it is not where a hook has rewritten the commit (FIXED_TREE).
settle_base() {
  if [ -n "$FIXED_TREE" ]; then
    BASE_OID=$STANDING
    mv "$TREE/landing.$HEAD_OID" "$TREE/journal" # 1: find_base does it in the next round
    return
  fi
  if [ "$BASE_OID" = "$COMMIT_PARENT" ]; then
    BASE_OID=$HEAD_OID
    return 0
  fi
  if [ "$COMMIT_TREE" = "$SPLIT_TREE" ]; then
    BASE_OID=$HEAD_OID
    rm -f "$TREE/journal"
    return
  fi
  note_standing "$TREE/journal.new" && mv "$TREE/journal.new" "$TREE/journal" && BASE_OID=$STANDING
}

# note_standing FILE: writes the journal of a tree that holds SPLIT_TREE. Sets STANDING, a commit of that. It is never to
# get onto the branch, for it holds what others did as if it were ours: "old" is a value that the branch never has.
note_standing() {
  STANDING=$(git -C "$TOP" commit-tree "$SPLIT_TREE" ${COMMIT_PARENT:+-p "$COMMIT_PARENT"} -m "the tree" 2>"$WORK/error") || {
    report_git_failure "git commit-tree"
    return "$EXIT_INTERNAL"
  }
  keep_record "$1" "{\"base\": \"$STANDING\", \"new\": \"$STANDING\", \"ref\": \"refs/heads/$BRANCH\", \"old\": \"$STANDING\", \"stage\": \"stands\"}"
}
