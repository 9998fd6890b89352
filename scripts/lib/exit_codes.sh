# shellcheck shell=bash disable=SC2034
# The exit codes, once. Documented for users in README.md, checked against it by tests/test_place.py.
# Sets: EXIT_CANNOT_CREATE EXIT_DEFERRED EXIT_HELD EXIT_INTERNAL EXIT_OFFLINE EXIT_OK EXIT_REFUSED EXIT_SETUP EXIT_USAGE
#   WORD.

readonly EXIT_OK=0
readonly EXIT_USAGE=64
readonly EXIT_HELD=65
readonly EXIT_OFFLINE=69
readonly EXIT_INTERNAL=70
readonly EXIT_CANNOT_CREATE=73
readonly EXIT_DEFERRED=75
readonly EXIT_REFUSED=77
readonly EXIT_SETUP=78

# Worst first: when main and the vault end differently, or one run meets two troubles, the first listed wins.
readonly EXIT_SEVERITY="70 73 78 77 65 69 75 0"

worse_exit() {
  local one=$1 other=$2 code
  for code in $EXIT_SEVERITY; do
    if [ "$one" = "$code" ] || [ "$other" = "$code" ]; then
      printf '%s\n' "$code"
      return 0
    fi
  done
  printf '%s\n' "$one"
}

status_word() { # sets WORD
  case $1 in
    "$EXIT_OK") WORD=saved ;;
    "$EXIT_HELD") WORD=held ;;
    "$EXIT_OFFLINE") WORD=offline ;;
    "$EXIT_DEFERRED") WORD=deferred ;;
    "$EXIT_REFUSED") WORD=refused ;;
    "$EXIT_SETUP") WORD=setup ;;
    *) WORD=internal ;;
  esac
}
