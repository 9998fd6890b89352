# shellcheck shell=bash
# Gate: a new name that is one with another on some system: in case, in the form of its accents, or to the eye.
# Needs: repository, gates, results, checks, python.
# Sets: RULE_FIX RULE_TEXT.

# Two names that differ only in case are one file on macOS and Windows: one would overwrite the other there. What is
# new gives way to what is tracked, and of two new ones the second to the first.
hold_case_twins() {
  local path other
  list_changes every-new
  NEW_NAMES=(${LISTED[@]+"${LISTED[@]}"})
  [ ${#NEW_NAMES[@]} -gt 0 ] || return 0
  list_changes gone
  list_case_twins >"$WORK/twins" 2>"$WORK/error" || {
    report_git_failure "looking for names that differ in case only"
    return "$EXIT_INTERNAL"
  }
  while IFS= read -r -d '' path && IFS= read -r -d '' other; do
    is_allowed "$path" && continue
    is_staged "$path" || {
      forget_movable "$path"
      continue
    }
    name_twin "$path" "$other"
    hold "$path" "$RULE_TEXT" "$RULE_FIX" %allow
  done <"$WORK/twins"
}

# name_twin PATH OTHER: sets RULE_TEXT and RULE_FIX. They may differ in the name of a folder already.
name_twin() {
  local at='' rest=$1/ other=$2/
  while [ "${rest%%/*}" = "${other%%/*}" ] && [ "$rest" != "${rest#*/}" ]; do
    at+=${rest%%/*}/ rest=${rest#*/} other=${other#*/}
  done
  at+=${rest%%/*}
  RULE_TEXT="differs from $(visible "$2") in upper and lower case only"
  case $1$2 in *[!\ -~]*) RULE_TEXT="looks like $(visible "$2"), which is another name and the same one on some systems" ;; esac
  if [ "$at" = "$1" ]; then
    offer_rename "$1" "$1" in_bytes
  else
    RULE_FIX="Put it there: mkdir -p -- $(in_bytes "${2%/*}") && mv -- $(in_bytes "$1") $(in_bytes "${2%/*}/${1##*/}")"
  fi
}

# As near, and so that what looks the same cannot be confused on its way through a terminal.
in_bytes() {
  local path=$1
  [ -z "$MAIN_TOP" ] || path=$TOP/$path
  case $path in *[!\ -~]*) printf '%q' "$path" ;; *) quoted "$path" ;; esac
}

# Pairs of a new path and the one that it is a twin of. One walk over all names: asking git for each new one takes
# minutes when thousands are new. awk reads lines, so a newline in a name is lent another character. It knows the letters
# of ASCII; where a new name has others, Python compares (pylib/claudetools/checks/twins.py).
list_case_twins() {
  local path specs=()
  if [ ${#NEW_NAMES[@]} -le 100 ] && [[ ${NEW_NAMES[*]} != *[!\ -~]* ]]; then
    for path in "${NEW_NAMES[@]}"; do specs+=(":(icase,literal)${path%/}"); done
    list_folder_twins
  fi
  {
    printf 'new/%s\0' "${NEW_NAMES[@]}"
    [ ${#LISTED[@]} -eq 0 ] || printf 'gone/%s\0' "${LISTED[@]}"
    printf '/\0'
    git -C "$TOP" ls-files -z --cached -- ${specs[@]+"${specs[@]}"} || return
  } >"$WORK/names"
  if [[ ${NEW_NAMES[*]} == *[!\ -~]* ]] && find_python; then
    run_python twins <"$WORK/names"
    return
  fi
  [ ${#NEW_NAMES[@]} -gt 1 ] || [ -s "$WORK/tracked" ] || return 0
  tr '\0\n' '\n\001' <"$WORK/names" | awk '
    function learn(path,    at, lower) {
      at = 0
      while (match(substr(path, at + 1), "/")) {
        at += RSTART
        lower = tolower(substr(path, 1, at))
        exact[substr(path, 1, at)] = 1
        if (!(lower in first)) first[lower] = substr(path, 1, at)
      }
      lower = tolower(path)
      if (!(lower in first)) first[lower] = path
    }
    function twin(path,    at, lower, other) {
      at = 0
      while (match(substr(path, at + 1), "/")) {
        at += RSTART
        lower = tolower(substr(path, 1, at))
        if (lower in first && !(substr(path, 1, at) in exact)) return first[lower] substr(path, at + 1)
      }
      lower = tolower(path)
      if (lower in first && first[lower] != path) return first[lower]
      return ""
    }
    $0 == "/" { listed = 1; next }
    !listed { name = substr($0, index($0, "/") + 1); known[name] = 1; if (/^new/) order[++count] = name; next }
    !($0 in known) { learn($0) }
    END {
      for (i = 1; i <= count; i++) {
        if ((other = twin(order[i])) != "") { print order[i]; print other } else learn(order[i])
      }
    }' | tr '\n\001' '\0\n'
}

# Adds to `specs` of the caller the folders that differ in case only from one that a new path lies in, as the tree has them.
list_folder_twins() {
  local path at part rest other seen='//'
  shopt -s nocaseglob nocasematch
  for path in "${NEW_NAMES[@]}"; do
    rest=${path%/} at=''
    while case $rest in */*) ;; *) false ;; esac do
      part=${rest%%/*} rest=${rest#*/}
      case $seen in *"//$at$part//"*) at+=$part/ && continue ;; esac
      for other in "$TOP/$at$part"*; do
        other=${other##*/}
        [[ $other == "$part" ]] && [ "$other" != "$part" ] && specs+=(":(literal)$at$other/" ":(literal)$at$part/")
      done
      seen+=$at$part//
      at+=$part/
    done
  done
  shopt -u nocaseglob nocasematch
}
