# shellcheck shell=bash
# Rule: no file is named like a Windows path. Tools that mix up path styles leave files such as `C:\Users\mike\x.txt`,
# `C:Usersmikex.txt` (separators lost) or names with U+F03A and U+F05C, which stand for ":" and "\" on some systems.
# No Windows machine can check them out.

# is_path_cruft PATH: 0 when a part of the path is such a name.
is_path_cruft() {
  local part rest=$1/
  # Nearly every name ends here: one look at the whole path, not one at each part.
  case $1 in *:* | *\\* | *$'\xef'* | *[Nn][Uu][Ll]* | *tmpclaude-*) ;; *) return 1 ;; esac
  while [ -n "$rest" ]; do
    part=${rest%%/*}
    rest=${rest#*/}
    case $part in
      [A-Za-z]:\\* | [A-Za-z]:*\\* | \\\\*) return 0 ;;
      [A-Za-z]: | [A-Za-z]:[Uu]sers* | [A-Za-z]:[Ww]indows* | [A-Za-z]:[Tt]emp* | [A-Za-z]:[Pp]rogram*) return 0 ;;
      [A-Za-z]$'\xef\x80\xba'* | *$'\xef\x81\x9c'*) return 0 ;;
      [Nn][Uu][Ll] | tmpclaude-????-cwd) return 0 ;;
    esac
  done
  return 1
}
