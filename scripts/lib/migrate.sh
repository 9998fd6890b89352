# shellcheck shell=bash
# State that an older version left, brought to the format of this one. The lock and its claims are the same in all formats.
# Needs: repository, results.
#
# A step from format N to N+1 is a function `migrate_from_N`, called under the lock with nobody else at work. It may be
# killed anywhere and is then called again: it ends with what it wanted whatever it finds. Older code that meets the newer
# state stops (78), so no step back is needed.
# Sets: STATE_FOUND.

migrate_state() {
  while [ "$STATE_FOUND" -lt "$STATE_FORMAT" ]; do
    if ! "migrate_from_$STATE_FOUND"; then
      problem "$EXIT_CANNOT_CREATE" error "The state in $(visible "$STATE") could not be brought from format $STATE_FOUND to $STATE_FORMAT." \
        "Nothing was committed or sent. See its permissions and the free space, then run sync again."
      return "$EXIT_CANNOT_CREATE"
    fi
    checkpoint "migrated-$STATE_FOUND"
    STATE_FOUND=$((STATE_FOUND + 1))
    printf '%s\n' "$STATE_FOUND" >"$STATE/format.new" && mv -f "$STATE/format.new" "$STATE/format" || return "$EXIT_CANNOT_CREATE"
  done
}
