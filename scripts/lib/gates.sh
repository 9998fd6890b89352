# shellcheck shell=bash
# The gates: what is held back and named instead of being pushed by accident. Each is a function over PATHS.
# `--allow PATH` opens all of them for that path or what lies below it.
# Needs: repository, report, snapshot, checks.
# Sets: CRUFT GONE HELD LATER LEFT_OUT LEFT_PATHS MOVABLE NEW_PATHS PATHS REFUSED_PATHS TRACKED_IDENTITY TRACKED_OWN.

hold_back_unsafe_paths() {
  HELD=() LATER=() REFUSED_PATHS=() LEFT_OUT=() LEFT_PATHS=() MOVABLE=() CRUFT=()
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

# hold PATH WHY FIX...: PATH stays in the folder and out of the commit.
hold() {
  local path=$1 why=$2
  shift 2
  HELD+=("$path")
  left_out "$path" "$why" "$@"
}

# Not a fault of anybody: the file is being written, and goes with the next sync.
hold_for_later() {
  LATER+=("$1")
  info "Left for the next sync: $(visible "$1") is being written right now."
}

# --- what belongs to this machine ------------------------------------------------

# Held whatever --allow says. What somebody has taken out of the index is untracked by that, and its deletion goes out.
hold_machines_own() {
  local path found=() kept=()
  for path in ${PATHS[@]+"${PATHS[@]}"} ${GONE[@]+"${GONE[@]}"}; do ! is_machines_own "$path" || found+=("$path"); done
  [ ${#found[@]} -gt 0 ] || return 0
  for path in "${found[@]}"; do
    forget_path "$path" || :
    if contains "$path" ${UNSTAGED[@]+"${UNSTAGED[@]}"}; then
      tell_to_ignore "$path"
      continue
    fi
    HELD+=("$path")
    if ! contains "$path" ${NEW_PATHS[@]+"${NEW_PATHS[@]}"} ||
      git -C "$TOP" ls-files --error-unmatch -- ":(literal)$path" >/dev/null 2>&1; then
      name_machines_own "$path"
    else
      tell_to_ignore "$path"
    fi
  done
  for path in ${NEW_PATHS[@]+"${NEW_PATHS[@]}"}; do is_machines_own "$path" || kept+=("$path"); done
  NEW_PATHS=(${kept[@]+"${kept[@]}"}) kept=()
  for path in ${GONE[@]+"${GONE[@]}"}; do is_machines_own "$path" || kept+=("$path"); done
  GONE=(${kept[@]+"${kept[@]}"})
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
  for path in ${UNSTAGED[@]+"${UNSTAGED[@]}"}; do ! is_machines_own "$path" || TRACKED_IDENTITY=''; done # it is being untracked
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
  local path kept=() held=(${HELD[@]+"${HELD[@]}"}) deletions=$((${#GONE[@]} + ${#UNSTAGED[@]}))
  forget_offers
  name_tracked_cruft || return
  for path in ${NEW_PATHS[@]+"${NEW_PATHS[@]}"}; do
    is_allowed "$path" && continue
    case $path in
      .claude/worktrees/*/ | .claudetools-*) refuse_path "$path" ;;
      */) refuse_path "$path" "is a git repository of its own" \
        "Keep it out: echo $(quoted "/$path") >> $(near .gitignore)     or make it a submodule: $(git_here) submodule add URL $(quoted "${path%/}")" ;;
      *)
        if is_path_cruft "$path" && [ "$deletions" -gt 0 ]; then
          refuse_path "$path"
          CRUFT+=("$path") # perhaps the new name of a deleted file: settle_moves
        elif is_path_cruft "$path"; then
          quarantine_path "$path" || return
        elif is_garbled_path "$path"; then
          contains "$path" ${held[@]+"${held[@]}"} || MOVABLE+=("$path")
          ! check_name "$path" || offer_rename "$path" "${path//[%>]/-}"
          refuse_path "$path" 'looks like a Windows path used as a file name' "$RULE_FIX" %allow
        elif is_secret "$path"; then
          contains "$path" ${held[@]+"${held[@]}"} || MOVABLE+=("$path")
          refuse_path "$path" "looks like a secret" %ignore %allow
        elif ! check_log_name "$path"; then
          contains "$path" ${held[@]+"${held[@]}"} || MOVABLE+=("$path")
          refuse_path "$path" "$RULE_TEXT" "$RULE_FIX"
        elif ! check_name "$path"; then
          refuse_path "$path" "$RULE_TEXT" "$RULE_FIX" %allow
        fi
        ;;
    esac
  done
  [ ${#REFUSED_PATHS[@]} -gt 0 ] && [ ${#PATHS[@]} -gt 0 ] || return 0
  while IFS= read -r -d '' path; do kept+=("$path"); done < <(print_without ${#REFUSED_PATHS[@]} "${REFUSED_PATHS[@]}" "${PATHS[@]}")
  PATHS=(${kept[@]+"${kept[@]}"})
}

# print_without COUNT PATHS...: those behind the first COUNT that are none of them, each ended by a NUL.
print_without() {
  local path count=$1
  shift
  if [ "$count" -le 20 ]; then
    for path in "${@:count+1}"; do contains "$path" "${@:1:count}" || printf '%s\0' "$path"; done
    return 0
  fi
  printf '%s\0' "${@:1:count}" // "${@:count+1}" | tr '\0\n' '\n\001' |
    awk '!listed && $0 == "//" { listed = 1; next } !listed { taken[$0]; next } !($0 in taken)' | tr '\n\001' '\0\n'
}

# refuse_path PATH [WHY FIX...]: without a reason it is passed over in silence.
refuse_path() {
  REFUSED_PATHS+=("$1")
  if [ $# -gt 1 ]; then hold "$@"; else HELD+=("$1"); fi
}

is_refused() {
  local refused
  for refused in ${REFUSED_PATHS[@]+"${REFUSED_PATHS[@]}"}; do [ "$refused" = "$1" ] && return 0; done
  return 1
}

# --- what lies behind the name ------------------------------------------------

hold_unmerged_paths() {
  local path
  for path in ${UNMERGED[@]+"${UNMERGED[@]}"}; do
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
    REFUSED_PATHS+=("$path")
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
  for path in ${PATHS[@]+"${PATHS[@]}"} ${GONE[@]+"${GONE[@]}"} ${UNSTAGED[@]+"${UNSTAGED[@]}"}; do
    case $path in .claude/claudetools-*.tar.gz) name=1 ;; esac
  done
  [ -n "$name" ] && [ "$ROLE" = main ] || return 0
  { IFS= read -r -d '' pin <"$TOP/.claude/claudetools.json" || :; } 2>/dev/null
  case $pin in *'"source"'*) return 0 ;; esac # it comes from the PATH
  [[ $pin =~ $version ]] || return 0
  path=.claude/claudetools-${BASH_REMATCH[1]}.tar.gz
  [[ $pin =~ $sum ]] && ! is_allowed "$path" || return 0
  if contains "$path" ${PATHS[@]+"${PATHS[@]}"}; then
    find_python && [ "$("$PYTHON" -I -S -c '
import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$TOP/$path" 2>/dev/null)" != "${BASH_REMATCH[1]}" ] || return 0
    why='is not the one that .claude/claudetools.json names, and other machines would refuse it'
    forget_path "$path"
  elif contains "$path" ${GONE[@]+"${GONE[@]}"} ${UNSTAGED[@]+"${UNSTAGED[@]}"}; then
    why='it was deleted, and other machines start claudetools from it'
  fi
  [ -z "$why" ] || hold "$path" "$why" "Take it back: $(git_here) checkout HEAD -- $(quoted "$path")" %allow
}

# A path whose filter is not set up here would go out raw: the text of a secret that git-crypt has to encrypt, a large file
# in the place of its pointer.
hold_unfiltered() {
  local path name fix
  names_filters || return 0
  printf '%s\0' "${PATHS[@]}" >"$WORK/filtered" &&
    git -C "$TOP" check-attr -z --stdin filter <"$WORK/filtered" >"$WORK/filters" 2>"$WORK/error" || {
    report_git_failure "git check-attr"
    return "$EXIT_INTERNAL"
  }
  while IFS= read -r -d '' path && IFS= read -r -d '' name && IFS= read -r -d '' name; do
    case $name in unspecified | unset | set | '') continue ;; esac
    case $'\n'$CONFIG_FILTERS in *$'\n'"filter.$name.clean="[!$'\n']* | *$'\n'"filter.$name.process="[!$'\n']*) continue ;; esac
    is_allowed "$path" || is_filtered "$TOP/$path" || ! forget_path "$path" && continue
    case $name in
      git-crypt) fix='Set it up here: git-crypt unlock' ;;
      lfs) fix='Set it up here: git lfs install --local' ;;
      *) fix="Set it up here: git config $(quoted "filter.$name.clean") COMMAND" ;;
    esac
    MOVABLE+=("$path")
    hold "$path" "needs the filter $(visible "$name"), which is not set up here: it would go out as it is" "$fix" %allow
  done <"$WORK/filters"
}

# names_filters: 0 where attributes that may concern PATHS name a filter. No program is started.
names_filters() {
  local path folder last='' seen='//'
  ! tells_of_filter "$COMMON/info/attributes" || return 0
  for path in ${PATHS[@]+"${PATHS[@]}"}; do
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
  for ((i = 0; i < ${#PATHS[@]}; i += 200)); do
    chunk=("${PATHS[@]:i:200}")
    (cd "$TOP" && exec find "${chunk[@]/#/./}" -prune -type f -size "+${limit}c" -exec printf '%s\0' {} +) >"$WORK/large" 2>/dev/null ||
      find_large_ones "$limit" "${chunk[@]}" >"$WORK/large"
    while IFS= read -r -d '' path; do
      large+=("${path#./}")
    done <"$WORK/large"
  done
  for path in ${large[@]+"${large[@]}"}; do
    is_allowed "$path" && continue
    size=$(wc -c <"$TOP/$path" 2>/dev/null) || size=0
    forget_path "$path"
    MOVABLE+=("$path")
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
