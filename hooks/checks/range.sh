# shellcheck shell=bash
# The rules over commits that arrive: a server's pre-receive, or a CI job. What they come to (OLD against NEW) has to be
# in order, so a mended commit passes; who made each of them, and what it shows of a vault, counts one by one.
# Needs: all the rules, contents.
# Sets: CONTENT_GIT CONTENT_PATHS CONTENT_TASKS CONVENTIONS ID_EMAIL ID_MACHINE ID_NAME ID_USER MERGED_IN PEOPLE
#   PEOPLE_EMAILS SEAL_PATHS SESSION STATE TOP.

check_range() {
  local range=$1
  case $range in ?*..?*) ;; *) wrong_usage "--range wants OLD..NEW, not '$(visible "$range")'." ;; esac
  OLD=${range%%..*} NEW=${range#*..}
  NEW=$(git rev-parse -q --verify "$NEW^{commit}") || die "$EXIT_SETUP" "No such commit: $(visible "${range#*..}")"
  ID_USER='' ID_NAME='' ID_EMAIL='' ID_MACHINE='' SESSION='' MERGED_IN='' TOP=. CONTENT_GIT=()
  CONTENT_PATHS=() CONTENT_TASKS=()
  speak_to_clients
  find_what_is_new || return 0
  trap 'rm -rf "$CONVENTIONS"' EXIT
  CONVENTIONS=$(mktemp -d "${TMPDIR:-/tmp}/claudetools-check.XXXXXX") || die "$EXIT_CANNOT_CREATE" "No temporary folder can be made."
  STATE=$CONVENTIONS
  lay_out_conventions || die "$EXIT_SETUP" "The conventions of $NEW cannot be read."
  read_people
  judge_changes diff-tree -r --raw -z --no-abbrev --no-renames "$OLD" "$NEW"
  check_contents report_in_commit "$NEW"
  if [ ${#TEXTS[@]} -gt 0 ] && find_python; then judge_secrets report_in_commit "$NEW" "$OLD"; fi
  judge_commits
  judge_commit_seals
}

# Sets COMMITS_NEW, arguments for git log, and OLD, what the changes are measured against. 1: nothing to judge.
find_what_is_new() {
  local default
  case $OLD in
    *[!0]*)
      OLD=$(git rev-parse -q --verify "$OLD^{commit}") || die "$EXIT_SETUP" "No such commit: $(visible "$OLD")"
      COMMITS_NEW=("$NEW" "^$OLD")
      ;;
    *)
      # A new branch: what is on no other one. The first of all is taken as it is, with the names of its past.
      default=$(git for-each-ref --count=1 --format='%(objectname)' refs/heads)
      [ -n "$default" ] || return 1
      COMMITS_NEW=("$NEW" --not --all)
      OLD=$(git merge-base "$NEW" "$(git rev-parse -q --verify HEAD || printf '%s' "$default")") || return 1
      ;;
  esac
}

# What asks for encryption, and users.json, of NEW as files below CONVENTIONS.
lay_out_conventions() {
  local names=$CONVENTIONS/.names name specs=(':(top,literal).claude/users.json')
  for name in .sops.yaml .gpg-id .age-recipients .gitattributes; do specs+=(":(top,glob)**/$name"); done
  export GIT_INDEX_FILE=$CONVENTIONS/.index
  git read-tree "$NEW" && git ls-files -z -- "${specs[@]}" >"$names" &&
    git --work-tree="$CONVENTIONS" checkout-index -q -f -z --stdin --prefix="$CONVENTIONS/" <"$names"
  local status=$?
  unset GIT_INDEX_FILE
  return "$status"
}

# PEOPLE and PEOPLE_EMAILS from users.json. A server may have no Python, so this reads the JSON that people write:
# "id": { "full_name": "...", "email": "..." }.
read_people() {
  local text rest id='' name='' token='"(([^"\\]|\\.)*)"[[:space:]]*:[[:space:]]*(\{|"(([^"\\]|\\.)*)")(.*)'
  PEOPLE='' PEOPLE_EMAILS=''
  [ -f "$CONVENTIONS/.claude/users.json" ] || return 0
  text=$(<"$CONVENTIONS/.claude/users.json")
  while [[ $text =~ $token ]]; do
    rest=${BASH_REMATCH[6]}
    case ${BASH_REMATCH[3]} in
      '{') id=${BASH_REMATCH[1]} ;;
      *)
        case ${BASH_REMATCH[1]} in
          full_name) name=${BASH_REMATCH[4]} && PEOPLE+="//$name ($id)//" ;;
          email) PEOPLE_EMAILS+=" ${BASH_REMATCH[4]} " ;;
        esac
        ;;
    esac
    text=$rest
  done
}

# One git log for who made them and which files each touched.
judge_commits() {
  local entry path mail ids='' commit=''
  while IFS= read -r -d '' entry; do
    case $entry in
      *$'\x01'*)
        [ -z "$commit" ] || check_contents report_in_commit "$commit"
        entry=${entry#*$'\x01'}
        commit=${entry%% *} entry=${entry#* }
        mail=${entry%%$'\x02'*} ids=${entry#*$'\x02'}
        check_author "$mail" || report_broken "${commit:0:7}: $mail"
        ;;
      *:*)
        IFS= read -r -d '' path || break
        judge_commit_file "$path" "${entry##* }" "$ids"
        ;;
    esac
  done < <(git log --no-merges --reverse --no-color --format='%x01%H %ae%x02%(trailers:key=Session-Id,valueonly,separator=%x20)' \
    --raw -z -r --no-abbrev --no-renames --diff-filter=AMT --root "${COMMITS_NEW[@]}" --)
  [ -z "$commit" ] || check_contents report_in_commit "$commit"
}

judge_commit_file() {
  local path=$1 kind=$2 ids=$3
  ! { may_be_sealed "$path" || is_convention "$path"; } || SEAL_PATHS+=("$commit" "$path")
  if [ "$kind" = M ] && [ -n "$ids" ] && is_log "$path"; then
    want_content "$path" owner "$ids"
  fi
}

# What one of the commits shows of a vault is shown, whatever comes after: merges count with what they bring themselves.
judge_commit_seals() {
  git rev-list --reverse "${COMMITS_NEW[@]}" -- >"$CONVENTIONS/.commits"
  [ ${#SEAL_PATHS[@]} -gt 0 ] || [ -n "$(git rev-list --merges --max-count=1 "${COMMITS_NEW[@]}" --)" ] || return 0
  GIT_INDEX_FILE=$CONVENTIONS/.index judge_seals report_shown --commits "$CONVENTIONS/.commits" --base "$OLD" --tip "$NEW"
}

report_shown() {
  describe_unsealed "$2" "$3"
  report_in_commit "$2"
}

# The net result and a commit may break the same rule: it is told once.
report_in_commit() {
  case ${TOLD:-} in *"//$1//"*) return 0 ;; esac
  TOLD=${TOLD:-}//$1//
  report_broken "$1"
}
