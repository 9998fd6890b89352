# shellcheck shell=bash
# The check tree: a repository of its own in our state folder, in which the repository's own hooks run. Files, index,
# HEAD, refs and settings are as plain git would show them; the objects are the real ones, by alternates. Whatever a hook
# does there by git (add, commit, stash, config, update-ref, gc) stays there.
# Needs: repository, results.
# Sets: CHECK_GIT CHECK_TREE.

# prepare_check_tree TREE COMMIT: CHECK_TREE holds TREE in files and index, its branch is at COMMIT ('' for none yet).
# 0, or 70 or 73 with a problem.
prepare_check_tree() {
  name_check_tree
  if [ -e "$TREE/check.unfiltered" ] && [ "$(<"$TREE/check.unfiltered")" != "$CONFIG_FILTERS" ]; then
    rm -rf "$TREE/check.unfiltered" "$CHECK_TREE" # they were set up anew
  fi
  write_check_repository "$@" || make_check_tree "$@" || {
    report_git_failure "making the copy for your hooks"
    return "$EXIT_INTERNAL"
  }
  fill_check_tree "$1" && return 0
  # Whatever state it is in, it is ours alone: make a new one. A filter that cannot work there does nothing from now on.
  case $(<"$WORK/error") in *filter* | *subprocess*) printf '%s' "$CONFIG_FILTERS" >"$TREE/check.unfiltered" ;; esac
  make_check_tree "$@" && fill_check_tree "$1" && return 0
  report_git_failure "filling the copy for your hooks"
  return "$EXIT_INTERNAL"
}

# .git is a folder, or a file where the real one is.
name_check_tree() {
  CHECK_TREE=$TREE/check CHECK_GIT=$TREE/check/.git
  [ ! -f "$TOP/.git" ] || CHECK_GIT=$TREE/check.git
}

# Versions before this one had a linked worktree there.
make_check_tree() {
  local old=''
  [ ! -f "$CHECK_TREE/.git" ] || old=1
  rm -rf "$CHECK_TREE" "$TREE/check.git" || return
  [ -z "$old" ] || git -C "$TOP" worktree prune
  mkdir -p "$CHECK_TREE" "$CHECK_GIT/objects/info" "$CHECK_GIT/info" "$CHECK_GIT/logs" 2>"$WORK/error" || return
  printf '%s\n' "$COMMON/objects" >"$CHECK_GIT/objects/info/alternates" || return
  [ "$CHECK_GIT" = "$CHECK_TREE/.git" ] || printf 'gitdir: %s\n' "$CHECK_GIT" >"$CHECK_TREE/.git" || return
  write_check_repository "$@"
}

# What git keeps beside the objects, written anew before each use. 1 where no check tree of ours is.
write_check_repository() {
  local file oid=$2
  [ -d "$CHECK_GIT" ] && [ -f "$CHECK_GIT/objects/info/alternates" ] || return 1
  rm -rf "$CHECK_GIT"/refs "$CHECK_GIT"/*.lock "$CHECK_GIT"/*_HEAD "$CHECK_GIT"/rebase-* "$CHECK_GIT/sequencer" "$CHECK_GIT/shallow" || return
  file=$CHECK_GIT/refs/heads/$BRANCH
  mkdir -p "${file%/*}" && print_check_settings "${#1}" >"$CHECK_GIT/config" &&
    git -C "$TOP" for-each-ref --format='%(objectname) %(refname)' refs/heads refs/tags refs/remotes refs/notes \
      >"$CHECK_GIT/packed-refs" 2>"$WORK/error" || return
  [ -z "$oid" ] || printf '%s\n' "$oid" >"$file" || return
  printf 'ref: refs/heads/%s\n' "$BRANCH" >"$CHECK_GIT/HEAD" || return
  file=refs/remotes/$REMOTE/HEAD
  if [ -f "$COMMON/$file" ]; then mkdir -p "$CHECK_GIT/${file%/*}" && cp "$COMMON/$file" "$CHECK_GIT/$file" || return; fi
  if [ -f "$COMMON/shallow" ]; then cp "$COMMON/shallow" "$CHECK_GIT/shallow" || return; fi
  {
    [ ! -f "$COMMON/info/exclude" ] || printf '%s\n' "$(<"$COMMON/info/exclude")"
    printf '/node_modules\n/.venv\n'
  } >"$CHECK_GIT/info/exclude" && link_foreign_files && link_tools
}

# print_check_settings OID_LENGTH: the real settings, under those that must not hold here. A daemon would outlive us.
print_check_settings() {
  local file name
  if [ "$1" = 64 ]; then
    printf '[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n'
  else
    printf '[core]\n\trepositoryformatversion = 0\n'
  fi
  for file in "$COMMON/config" "$GIT_FOLDER/config.worktree"; do
    [ ! -f "$file" ] || printf '[include]\n\tpath = %s\n' "$(in_quotes "$file")"
  done
  printf '[core]\n\tbare = false\n\tsparseCheckout = false\n\tfsmonitor = false\n[index]\n\tsparse = false\n'
  printf '[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[submodule]\n\trecurse = false\n'
  [ -e "$TREE/check.unfiltered" ] || return 0
  while IFS= read -r name; do
    name=${name#filter.} name=${name%%=*}
    case $name in *.clean | *.smudge | *.process | *.required) ;; *) continue ;; esac
    printf '[filter %s]\n\tclean =\n\tsmudge =\n\tprocess =\n\trequired = false\n' "$(in_quotes "${name%.*}")"
  done <<<"$CONFIG_FILTERS"
}

in_quotes() { # as git's settings have it
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

# What others keep in the git folder: keys of git-crypt, files of LFS, whatever a hook looks for. git's own is not among it.
link_foreign_files() {
  local entry name
  case ${OSTYPE:-} in msys* | cygwin*) return 0 ;; esac # ln copies there
  for entry in "$COMMON"/* "$COMMON"/.[!.]* "$GIT_FOLDER"/* "$COMMON/info/attributes"; do
    name=${entry##*/}
    case $name in
      *HEAD | *_MSG | *EDITMSG | MERGE_* | BISECT_* | AUTO_MERGE | *_DESCRIPTION | *.lock | *index* | refs | reftable | packed-refs) continue ;;
      objects | logs | config* | info | worktrees | modules | rebase-* | sequencer | shallow | gc.* | commondir | gitdir) continue ;;
      fsmonitor* | claudetools*) continue ;;
      attributes) name=info/attributes ;;
    esac
    [ ! -e "$entry" ] || [ -e "$CHECK_GIT/$name" ] || [ -L "$CHECK_GIT/$name" ] || ln -s "$entry" "$CHECK_GIT/$name" || return
  done
}

# Hooks find installed tools where they expect them: these two names, not a setting.
link_tools() {
  local name
  for name in node_modules .venv; do
    [ ! -d "$TOP/$name" ] || [ -e "$CHECK_TREE/$name" ] || ln -s "$TOP/$name" "$CHECK_TREE/$name"
  done
}

in_check_tree() { hold_by_stdin git -C "$CHECK_TREE" -c core.hooksPath=/dev/null "$@"; }

# Files and index as in TREE. 1 when git cannot, or when a filter failed that git would do without: what it would have made
# of the stored bytes is then not what the hook sees, and must not be taken for the hook's work.
fill_check_tree() {
  in_check_tree read-tree --reset -u "$1" 2>"$WORK/error" && in_check_tree clean -ffdq 2>>"$WORK/error" || return 1
  [ -z "$CONFIG_FILTERS" ] || [ -e "$TREE/check.unfiltered" ] || case $(<"$WORK/error") in *filter*) return 1 ;; esac
}
