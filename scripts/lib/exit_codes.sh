# shellcheck shell=bash disable=SC2034
# The exit codes, once. Documented for users in README.md, checked against it by tests/test_place.py.
# Sets: EXIT_CANNOT_CREATE EXIT_DEFERRED EXIT_HELD EXIT_INTERNAL EXIT_OFFLINE EXIT_OK EXIT_REFUSED EXIT_SETUP EXIT_TABLE
#   EXIT_USAGE WORD WORSE.

readonly EXIT_OK=0
readonly EXIT_USAGE=64
readonly EXIT_HELD=65
readonly EXIT_OFFLINE=69
readonly EXIT_INTERNAL=70
readonly EXIT_CANNOT_CREATE=73
readonly EXIT_DEFERRED=75
readonly EXIT_REFUSED=77
readonly EXIT_SETUP=78

# Worst first, with the word of each in --json and the history. When one run meets two troubles, or main and a vault end
# differently, the first listed is the exit status and the first line.
readonly EXIT_TABLE="70:internal 73:internal 78:setup 77:refused 69:offline 65:held 75:deferred 0:saved"

worse_exit() { # sets WORSE, the worse one of two; what is not in the table is the worst
  local row code
  WORSE=$1
  for row in $EXIT_TABLE; do
    code=${row%%:*}
    case "$1 $2" in "$code "* | *" $code")
      WORSE=$code
      return 0
      ;;
    esac
  done
}

status_word() { # sets WORD
  local row
  WORD=internal
  for row in $EXIT_TABLE; do [ "${row%%:*}" != "$1" ] || WORD=${row#*:}; done
}
