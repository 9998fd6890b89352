# shellcheck shell=bash
# When a file was written, as far as the shell and the file system tell.
# Needs: repository, python, ui.
# Sets: TICKS_LEFT TOUCHED.

# find_touched MARKER FOLDER PATH...: TOUCHED, the paths ("$FOLDER$PATH") that may have been written since MARKER was made:
# not those that are newer, but those that are not older, for clocks of file systems tick in steps. Bash before 4.3
# compares whole seconds: what is neither newer nor older to the shell is asked of Python, which sees all there is.
find_touched() {
  local marker=$1 folder=$2 path said doubtful=()
  shift 2
  TOUCHED=()
  for path in "$@"; do
    if [ "$folder$path" -nt "$marker" ]; then
      TOUCHED+=("$path")
    elif [ -e "$folder$path" ] && [ ! "$folder$path" -ot "$marker" ]; then
      doubtful+=("$path")
    fi
  done
  [ ${#doubtful[@]} -gt 0 ] || return 0
  if find_python && said=$(printf '%s\0' "${doubtful[@]}" | run_python touched "$marker" "$folder" 2>/dev/null); then
    for path in $said; do TOUCHED+=("${doubtful[path]}"); done
  else
    TOUCHED+=("${doubtful[@]}")
  fi
}

# wait_for_next_tick PATH: until a marker made now is younger than the file. Where times are whole seconds (bash before 4.3,
# some file systems) a file cannot be seen to stand still before. All files of a sync together may cost two seconds, for
# FAT counts in twos.
wait_for_next_tick() {
  until [ "$TOP/$1" -ot "$WORK/calm" ] || [ "$TOP/$1" -nt "$WORK/calm" ] || [ "$TICKS_LEFT" -eq 0 ]; do
    TICKS_LEFT=$((TICKS_LEFT - 1))
    pause 50
    : >"$WORK/calm"
  done
}
