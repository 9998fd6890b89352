# shellcheck shell=bash
# The gates: what is held back and named instead of being pushed by accident. Each is a function over the table of changes.
# `--allow PATH` opens all of them for that path or what lies below it.
# Needs: repository, report, snapshot, checks.
# Sets: TRACKED_IDENTITY TRACKED_OWN.

hold_back_unsafe_paths() {
  forget_left_out # of an earlier round
  hold_machines_own || return
  hold_what_hooks_refused
  hold_foreign_logs
  hold_unmerged_paths
  hold_unsettled_paths
  hold_vault_commits
  sort_out_names || return
  hold_damaged_archive
  hold_unfiltered || return
  hold_large_files || return
  hold_case_twins
}

is_allowed() {
  local path=$1 allowed
  for allowed in ${ALLOWED[@]+"${ALLOWED[@]}"} ${CONFIG_ALLOWED[@]+"${CONFIG_ALLOWED[@]}"}; do
    case $path in "$allowed" | "$allowed"/*) return 0 ;; esac
    [ "$allowed" = . ] && return 0
  done
  return 1
}

# --- what belongs to this machine ------------------------------------------------

# Held whatever --allow says. What somebody has taken out of the index is untracked by that, and its deletion goes out.
hold_machines_own() {
  local path found=() new
  list_changes present
  for path in ${LISTED[@]+"${LISTED[@]}"}; do ! is_machines_own "$path" || found+=("$path"); done
  for path in ${found[@]+"${found[@]}"}; do
    if is_unstaged "$path"; then
      set_own_aside "$path"
      tell_to_ignore "$path"
      continue
    fi
    new=''
    ! is_new "$path" || new=1
    hold_own "$path"
    if [ -z "$new" ] || git -C "$TOP" ls-files --error-unmatch -- ":(literal)$path" >/dev/null 2>&1; then
      name_machines_own "$path"
    else
      tell_to_ignore "$path"
    fi
  done
}

tell_to_ignore() {
  local text
  case $1 in .claudetools-*) return 0 ;; esac
  text="[INFO] Left alone: $(visible "$1") is this machine's own. Ignore it: echo $(quoted "/$1") >> $(near .gitignore)"
  contains "$text" ${FACTS[@]+"${FACTS[@]}"} || note_fact "$text"
}

# As HEAD had it when this run began: git shows no change where the file is as somebody has pushed it.
name_tracked_identity() {
  local path
  list_changes unstaged
  for path in ${LISTED[@]+"${LISTED[@]}"}; do ! is_machines_own "$path" || TRACKED_IDENTITY=''; done # it is being untracked
  [ -z "$TRACKED_IDENTITY" ] || name_machines_own .claude/identity.json
  TRACKED_IDENTITY=''
}

# name_machines_own PATH: git tracks it. Told at the end, because what comes in may untrack it.
name_machines_own() {
  own_root "$1"
  contains "$OWN_ROOT" ${TRACKED_OWN[@]+"${TRACKED_OWN[@]}"} || TRACKED_OWN+=("$OWN_ROOT")
}

forget_machines_own() {
  local path kept=()
  own_root "$1"
  for path in ${TRACKED_OWN[@]+"${TRACKED_OWN[@]}"}; do [ "$path" = "$OWN_ROOT" ] || kept+=("$path"); done
  TRACKED_OWN=(${kept[@]+"${kept[@]}"})
}

tell_machines_own() {
  local path
  for path in ${TRACKED_OWN[@]+"${TRACKED_OWN[@]}"}; do
    problem "$EXIT_HELD" warn "$(visible "$path") belongs to this machine alone, and git tracks it." \
      "It stays as it is, in this folder and in what is committed; all else is synced. Untrack it, here and for everybody:" \
      "  $(untrack_command "$path") && $(sync_command)"
  done
  TRACKED_OWN=()
}

# --- what the name alone tells ------------------------------------------------

# One pass over all paths: nested repositories, Windows cruft, secrets, and the rules for added names.
sort_out_names() {
  local path deletions
  forget_offers
  name_tracked_cruft || return
  list_changes deleted
  deletions=${#LISTED[@]}
  list_changes new
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    is_allowed "$path" && continue
    case $path in
      .claude/worktrees/*/ | .claudetools-*) hold_silently "$path" ;;
      */) hold "$path" "is a git repository of its own" \
        "Keep it out: echo $(quoted "/$path") >> $(near .gitignore)     or make it a submodule: $(git_here) submodule add URL $(quoted "${path%/}")" ;;
      *)
        if is_path_cruft "$path" && [ "$deletions" -gt 0 ]; then
          hold_silently "$path"
          note_cruft "$path" # perhaps the new name of a deleted file: settle_moves
        elif is_path_cruft "$path"; then
          quarantine_path "$path" || return
        elif is_garbled_path "$path"; then
          may_move "$path"
          ! check_name "$path" || offer_rename "$path" "${path//[%>]/-}"
          hold "$path" 'looks like a Windows path used as a file name' "$RULE_FIX" %allow
        elif is_secret "$path"; then
          may_move "$path"
          hold "$path" "looks like a secret" %ignore %allow
        elif ! check_log_name "$path"; then
          may_move "$path"
          hold "$path" "$RULE_TEXT" "$RULE_FIX"
        elif ! check_name "$path"; then
          hold "$path" "$RULE_TEXT" "$RULE_FIX" %allow
        fi
        ;;
    esac
  done
}

# --- what lies behind the name ------------------------------------------------

hold_unmerged_paths() {
  local path
  list_changes unmerged
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    left_out "$path" "has unmerged entries in the index (a git stash pop or cherry-pick that met a conflict)" \
      "Settle it in the file, then: $(git_here) add -- $(quoted "$path")"
  done
}

# Paths that came in and that the tree does not hold (pylib/claudetools/checkout/plan.py).
hold_unsettled_paths() {
  local path reason kept=()
  [ -s "$TREE/unsettled" ] || return 0
  while IFS= read -r -d '' path && IFS= read -r -d '' reason; do
    is_allowed "$path" && { [ -e "$TOP/$path" ] || [ -L "$TOP/$path" ]; } && continue
    kept+=("$path" "$reason")
    reason=$(visible "${reason%%$'\n'*}")
    if [ -e "$TOP/$path" ] || [ -L "$TOP/$path" ]; then
      hold "$path" "$reason" "See the other text: $(git_here) show HEAD:$(quoted "$path")" \
        "Keep yours as it is now: $(sync_command) --allow $(quoted "$path")"
    else
      hold "$path" "it came in and is not in your folder: $reason" "The next sync tries again. By hand: $(git_here) restore -- $(quoted "$path")"
    fi
  done <"$TREE/unsettled"
  if [ ${#kept[@]} -gt 0 ]; then printf '%s\0' "${kept[@]}" >"$TREE/unsettled"; else rm -f "$TREE/unsettled"; fi
  return 0
}

# The archive that .claude/claudetools.json pins, damaged or deleted: this machine has unpacked it long ago and would notice
# nothing, but no other clone could start. Between an upgrade's two names there is nothing to judge.
hold_damaged_archive() {
  local path name='' pin='' why='' version='"version"[[:space:]]*:[[:space:]]*"([^"]+)"' sum='"sha256"[[:space:]]*:[[:space:]]*"([0-9a-f]{64})"'
  list_changes present
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    case $path in .claude/claudetools-*.tar.gz) name=1 ;; esac
  done
  list_changes unstaged
  for path in ${LISTED[@]+"${LISTED[@]}"}; do
    case $path in .claude/claudetools-*.tar.gz) name=1 ;; esac
  done
  [ -n "$name" ] && [ "$ROLE" = main ] || return 0
  { IFS= read -r -d '' pin <"$TOP/.claude/claudetools.json" || :; } 2>/dev/null
  case $pin in *'"source"'*) return 0 ;; esac # it comes from the PATH
  [[ $pin =~ $version ]] || return 0
  path=.claude/claudetools-${BASH_REMATCH[1]}.tar.gz
  [[ $pin =~ $sum ]] && ! is_allowed "$path" || return 0
  if is_staged "$path"; then
    find_python && [ "$("$PYTHON" -I -S -c '
import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$TOP/$path" 2>/dev/null)" != "${BASH_REMATCH[1]}" ] || return 0
    why='is not the one that .claude/claudetools.json names, and other machines would refuse it'
  elif is_deleted "$path"; then
    why='it was deleted, and other machines start claudetools from it'
  fi
  [ -z "$why" ] || hold "$path" "$why" "Take it back: $(git_here) checkout HEAD -- $(quoted "$path")" %allow
}

# A path whose filter is not set up here would go out raw: the text of a secret that git-crypt has to encrypt, a large file
# in the place of its pointer.
hold_unfiltered() {
  local path name fix
  names_filters || return 0
  printf '%s\0' "${LISTED[@]}" >"$WORK/filtered" &&
    git -C "$TOP" check-attr -z --stdin filter <"$WORK/filtered" >"$WORK/filters" 2>"$WORK/error" || {
    report_git_failure "git check-attr"
    return "$EXIT_INTERNAL"
  }
  while IFS= read -r -d '' path && IFS= read -r -d '' name && IFS= read -r -d '' name; do
    case $name in unspecified | unset | set | '') continue ;; esac
    case $'\n'$CONFIG_FILTERS in *$'\n'"filter.$name.clean="[!$'\n']* | *$'\n'"filter.$name.process="[!$'\n']*) continue ;; esac
    is_allowed "$path" || is_filtered "$TOP/$path" || ! is_staged "$path" && continue
    case $name in
      git-crypt) fix='Set it up here: git-crypt unlock' ;;
      lfs) fix='Set it up here: git lfs install --local' ;;
      *) fix="Set it up here: git config $(quoted "filter.$name.clean") COMMAND" ;;
    esac
    may_move "$path"
    hold "$path" "needs the filter $(visible "$name"), which is not set up here: it would go out as it is" "$fix" %allow
  done <"$WORK/filters"
}

# names_filters: 0 where attributes that may concern what is staged (LISTED) name a filter. No program is started.
names_filters() {
  local path folder last='' seen='//'
  list_changes staged
  [ ${#LISTED[@]} -gt 0 ] || return 1
  ! tells_of_filter "$COMMON/info/attributes" || return 0
  for path in "${LISTED[@]}"; do
    folder=$TOP/$path folder=${folder%/*}
    [ "$folder" != "$last" ] || continue
    last=$folder
    while case $seen in *"//$folder//"*) false ;; esac do
      seen+=$folder//
      ! tells_of_filter "$folder/.gitattributes" || return 0
      [ "$folder" != "$TOP" ] || break
      folder=${folder%/*}
    done
  done
  return 1
}

tells_of_filter() {
  local text=''
  [ -f "$1" ] && { IFS= read -r -d '' text <"$1" || :; } 2>/dev/null || return 1
  case $text in *filter=*) return 0 ;; *) return 1 ;; esac
}

# is_filtered FILE: it is what its filter makes, as another machine has left it.
is_filtered() {
  local first='' second=''
  [ -f "$1" ] && [ ! -L "$1" ] || return 0
  { IFS= read -r -d '' first && IFS= read -r -d '' second; } 2>/dev/null <"$1"
  [ -z "$first" ] && [ "$second" = GITCRYPT ] && return 0
  IFS= read -r first 2>/dev/null <"$1"
  [ "$first" = 'version https://git-lfs.github.com/spec/v1' ]
}

hold_large_files() {
  local i path size limit=$((CONFIG_LIMIT_MB * 1024 * 1024)) large=() chunk
  list_changes staged
  for ((i = 0; i < ${#LISTED[@]}; i += 200)); do
    chunk=("${LISTED[@]:i:200}")
    (cd "$TOP" && exec find "${chunk[@]/#/./}" -prune -type f -size "+${limit}c" -exec printf '%s\0' {} +) >"$WORK/large" 2>/dev/null ||
      find_large_ones "$limit" "${chunk[@]}" >"$WORK/large"
    while IFS= read -r -d '' path; do
      large+=("${path#./}")
    done <"$WORK/large"
  done
  for path in ${large[@]+"${large[@]}"}; do
    is_allowed "$path" && continue
    size=$(wc -c <"$TOP/$path" 2>/dev/null) || size=0
    may_move "$path"
    hold "$path" "$((size / 1024 / 1024)) MB; limit $CONFIG_LIMIT_MB MB" \
      %ignore %allow
  done
}

# find_large_ones LIMIT PATHS...: one by one, where find stopped at one that vanished, or could not be started.
find_large_ones() {
  local limit=$1 path size
  shift
  for path in "$@"; do
    [ -f "$TOP/$path" ] && [ ! -L "$TOP/$path" ] && size=$(wc -c 2>/dev/null <"$TOP/$path") || continue
    [ "$size" -le "$limit" ] || printf '%s\0' "$path"
  done
}
