# shellcheck shell=bash
# Rule: no file is named like a Windows path. Tools that mix up path styles leave files such as `C:\Users\mike\x.txt`,
# `C:Usersmikex.txt` (separators lost) or names with U+F03A and U+F05C, which stand for ":" and "\" on some systems.
# No Windows machine can check them out.
# Sets: CRUFT_ROOT.

# is_path_cruft PATH: 0 when a part of the path is such a name. CRUFT_ROOT is the path up to that part.
is_path_cruft() {
  local part rest=$1/
  CRUFT_ROOT=''
  # Nearly every name ends here: one look at the whole path, not one at each part.
  case $1 in *:* | *\\* | *$'\xef'* | *[Nn][Uu][Ll]* | *tmpclaude-*) ;; *) return 1 ;; esac
  while [ -n "$rest" ]; do
    part=${rest%%/*}
    rest=${rest#*/}
    CRUFT_ROOT+=${CRUFT_ROOT:+/}$part
    case $part in
      [A-Za-z]:\\* | [A-Za-z]:*\\* | \\\\*) return 0 ;;
      [A-Za-z]: | [A-Za-z]:[Uu]sers* | [A-Za-z]:[Ww]indows* | [A-Za-z]:[Tt]emp* | [A-Za-z]:[Pp]rogram*) return 0 ;;
      [A-Za-z]$'\xef\x80\xba'* | *$'\xef\x81\x9c'*) return 0 ;;
      [Nn][Uu][Ll] | tmpclaude-????-cwd) return 0 ;;
    esac
  done
  return 1
}

# is_garbled_path PATH: 0 for names that are less certain, and that somebody may have meant: a drive and a name, a path
# relative to something, a variable of Windows, a redirection that became a file.
is_garbled_path() {
  local part rest=$1/
  case $1 in *:* | *\\* | *%* | *'>'*) ;; *) return 1 ;; esac
  while [ -n "$rest" ]; do
    part=${rest%%/*}
    rest=${rest#*/}
    while :; do
      case $part in [\ \"\']*) part=${part#?} ;; *) break ;; esac
    done
    case $part in
      [A-Za-z]:[!\ ]* | [A-Za-z]%3[Aa]* | '$'[Ee][Nn][Vv]:*) return 0 ;;
      .\\* | ..\\* | \~\\* | \\[!\\]*\\* | ?*\\?*\\?* | [Uu]sers\\* | [Tt]emp\\* | [Ww]indows\\*) return 0 ;;
      %[A-Za-z]*%\\* | %[Tt][Ee][Mm][Pp]%* | %[Tt][Mm][Pp]%* | %[Uu][Ss][Ee][Rr]*%* | %*[Aa][Pp][Pp][Dd][Aa][Tt][Aa]%*) return 0 ;;
      '>'[Nn][Uu][Ll] | '> '[Nn][Uu][Ll] | [12]'>'[Nn][Uu][Ll] | [12]'> '[Nn][Uu][Ll]) return 0 ;;
    esac
  done
  return 1
}
