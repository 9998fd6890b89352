# shellcheck shell=bash
# Windows paths used as file names: what is new goes to quarantine, what is tracked is named.
# Needs: repository, gates, results, checks.

QUARANTINED=0 # folders of one second are told apart by it

# Cruft is moved, not deleted: it may be the only copy of something. A folder named like that goes as one, and what goes
# keeps its path.
quarantine_path() {
  local path=$1 place root
  if [ -n "$DRY_RUN" ]; then
    hold "$path" "is a Windows path used as a file name" "A sync moves it to quarantine."
    return 0
  fi
  if [ ! -e "$TOP/$path" ] && [ ! -L "$TOP/$path" ]; then # with its folder
    note_quarantined "$path"
    return 0
  fi
  is_path_cruft "$path"
  root=$CRUFT_ROOT
  [ -z "$(git -C "$TOP" ls-files -- ":(top,literal)$root")" ] || root=$path
  place=$STATE/quarantine/$(utc_stamp)-$((QUARANTINED += 1))
  case $root in */*) place+=/${root%/*} ;; esac
  if ! { (umask 077 && mkdir -p "$place") && mv "$TOP/$root" "$place/"; } 2>"$WORK/error"; then
    hold "$path" "is a Windows path used as a file name, and cannot be moved away" "Look at it: ls -l $(near "$path")"
    return 0
  fi
  note_quarantined "$path"
  note_fact "[INFO] Moved away: $(visible "$root") is a Windows path used as a file name. It is in $(visible "$place"). Keep such a name: $(git_here) config --add claudetools.allow $(quoted "$root")"
}

# Cruft that somebody committed by plain git, or allowed on another machine: named, and left to a person. Once a day: every
# sync would pay for the list of names.
name_tracked_cruft() {
  local path
  is_first_save_of_day || return 0
  git -C "$TOP" ls-files -z -- '*:*' '*\\\\*' '*[nN][uU][lL]*' '*tmpclaude-*' $'*\xef\x80\xba*' $'*\xef\x81\x9c*' >"$WORK/cruft" 2>"$WORK/error" || {
    report_git_failure "git ls-files"
    return "$EXIT_INTERNAL"
  }
  while IFS= read -r -d '' path; do
    { [ -e "$TOP/$path" ] || [ -L "$TOP/$path" ]; } && is_path_cruft "$path" && is_wanted "$path" || continue
    ! is_allowed "$path" || continue
    note_fact "[WARN] $(visible "$path") is a Windows path used as a file name, and no Windows machine can check it out. Take it out: $(git_here) rm --cached -- $(quoted "$path")     or keep it: $(git_here) config --add claudetools.allow $(quoted "$path")"
  done <"$WORK/cruft"
}
