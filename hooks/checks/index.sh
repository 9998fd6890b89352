# shellcheck shell=bash
# The rules over the index: what the next `git commit` would make. Few programs: git diff, and git grep and git config
# only where there are contents to read.
# Needs: all the rules, identity, contents.
# Sets: COMMON CONFIG_EMAIL CONTENT_GIT CONTENT_PATHS CONTENT_TASKS CONVENTIONS ID_EMAIL ID_MACHINE ID_NAME ID_USER
#   MERGED_IN STATE TOP TREE.

check_index() {
  # A sync holds back by these rules before it makes a commit; hooks that it runs see what is left.
  [ -z "${CLAUDETOOLS_IN_SYNC:-}" ] || return 0
  find_folders || die "$EXIT_SETUP" "This folder is in no git repository."
  CONTENT_PATHS=() CONTENT_TASKS=() CONTENT_GIT=() CONVENTIONS=$TOP
  find_who_commits
  find_session
  leave_out_what_is_merged
  judge_changes diff --cached --raw -z --no-abbrev --no-renames --no-ext-diff --no-color
  check_contents report_broken --cached
  [ ${#SEAL_PATHS[@]} -eq 0 ] || judge_index_seals
  [ ${#LOGS[@]} -eq 0 ] || judge_new_credentials
  [ ${#TEXTS[@]} -eq 0 ] || carries_over || judge_secrets report_broken --cached HEAD
  # git tells its hooks whose commit it is to be. A commit that is carried over stays its author's.
  if [ -n "${GIT_AUTHOR_EMAIL:-}" ] && [ -n "$ID_EMAIL" ] && ! carries_over; then
    check_author "$GIT_AUTHOR_EMAIL" || report_broken "$GIT_AUTHOR_EMAIL"
  fi
}

judge_index_seals() {
  local merged=''
  [ ! -e "$GIT_FOLDER/MERGE_HEAD" ] || read -r merged <"$GIT_FOLDER/MERGE_HEAD"
  judge_seals report_unsealed --index 1 --base "$(git rev-parse -q --verify HEAD)" --merged "$merged"
}

report_unsealed() {
  describe_unsealed "$2" "$3"
  case $3 in
    outside) warn "$(visible "$2") $RULE_TEXT. $RULE_FIX" ;;
    *) report_broken "$2" ;;
  esac
}

# What the team's file asks for. Without a state folder nobody has synced here, and nothing is in force.
team_policy() {
  local item
  [ -d "$TREE" ] || return 0
  read_settings
  for item in ${SETTINGS[@]+"${SETTINGS[@]}"}; do
    case $item in credentials=*) printf '%s' "${item#*=}" ;; esac
  done
}

# A commit that is carried over brings what it brings.
judge_new_credentials() {
  local policy i
  policy=$(git config --get claudetools.credentials) || policy=$(team_policy)
  [ "$policy" = vault ] || [ "$policy" = block ] || return 0
  ! carries_over || return 0
  find_plain_credentials "$(git rev-parse -q --verify HEAD)" "${LOGS[@]}"
  for ((i = 0; i < ${#PLAIN[@]}; i += 2)); do
    describe_plain "${PLAIN[i]}" "${PLAIN[i + 1]}"
    if [ "$policy" = block ]; then
      report_broken "${PLAIN[i]}"
    else
      warn "$(visible "${PLAIN[i]}") $RULE_TEXT. $RULE_FIX"
    fi
  done
}

# TOP, GIT_FOLDER, COMMON, STATE and TREE without a program: git starts its hooks at the top.
find_folders() {
  local line
  TOP=$PWD GIT_FOLDER=$PWD/.git
  if [ ! -e "$GIT_FOLDER" ]; then
    TOP=$(git rev-parse --show-toplevel 2>/dev/null) || return
    GIT_FOLDER=$TOP/.git
  fi
  if [ -f "$GIT_FOLDER" ] && IFS= read -r line <"$GIT_FOLDER"; then
    line=${line#gitdir: }
    case $line in /* | [A-Za-z]:*) GIT_FOLDER=$line ;; *) GIT_FOLDER=$TOP/$line ;; esac
  fi
  COMMON=$GIT_FOLDER
  if [ -f "$GIT_FOLDER/commondir" ] && IFS= read -r line <"$GIT_FOLDER/commondir"; then
    case $line in /* | [A-Za-z]:*) COMMON=$line ;; *) COMMON=$(cd "$GIT_FOLDER/$line" && pwd -P) ;; esac
  fi
  STATE=$COMMON/claudetools TREE=$STATE/trees/main
  [ "$GIT_FOLDER" = "$COMMON" ] || TREE=$STATE/trees/linked-${GIT_FOLDER##*/}
}

# ID_NAME and the others where this machine is set up, else empty: then nobody can be somebody else.
find_who_commits() {
  local home=$TOP
  ID_USER='' ID_NAME='' ID_EMAIL='' ID_MACHINE=''
  reset_results
  [ -e "$home/.claude/identity.json" ] || home=${COMMON%/.git}
  [ -e "$home/.claude/identity.json" ] && [ -d "$TREE" ] || return 0
  CONFIG_EMAIL=''
  load_identity "$TOP" || info "The author and User blocks are not checked: $(visible "${PROBLEMS[0]#*$'\n'}")"
}

carries_over() {
  local name
  for name in CHERRY_PICK_HEAD REVERT_HEAD MERGE_HEAD rebase-merge rebase-apply; do
    [ ! -e "$GIT_FOLDER/$name" ] || return 0
  done
  return 1
}

# What a merge brings from the other side is not added by this commit.
leave_out_what_is_merged() {
  local path
  MERGED_IN=''
  [ -e "$GIT_FOLDER/MERGE_HEAD" ] || return 0
  while IFS= read -r -d '' path; do MERGED_IN+="//$path//"; done < <(git ls-tree -r -z --name-only --full-tree MERGE_HEAD)
}
