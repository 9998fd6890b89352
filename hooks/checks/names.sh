# shellcheck shell=bash
# Rule: no name is added that another machine cannot hold. Windows has reserved names and characters and counts 260 in a
# path; HFS+ and NTFS take some names for .git. One look at the path decides for nearly every name.
# Needs: ui, identity, TOP, and LC_ALL=C.
# Sets: RULE_FIX RULE_TEXT.

# check_name PATH: 1 when PATH may not be added, with RULE_TEXT and RULE_FIX. The command renames the folder, where that is it.
check_name() {
  local rest=$1/ part at='' status=0 to units
  case $1 in
    *[\<\>:\"\|?*\\[:cntrl:]]* | *[.\ ]/* | *[.\ ] | *[Gg][Ii][Tt]* | *$'\xe2'* | *$'\xef'*) status=1 ;;
    *[Cc][Oo][NnMm]* | *[Pp][Rr][Nn]* | *[Aa][Uu][Xx]* | *[Nn][Uu][Ll]* | *[Ll][Pp][Tt]*) status=1 ;;
    *) [ ${#1} -gt 240 ] || return 0 ;;
  esac
  while [ "$status" -eq 1 ] && [ -n "$rest" ]; do
    part=${rest%%/*} rest=${rest#*/}
    judge_part "$part" || {
      mend_part "$part"
      offer_rename "$at$part" "$at$to"
      return 1
    }
    at+=$part/
  done
  count_units "$1"
  [ "$units" -gt 240 ] || return 0
  RULE_TEXT="is a path of $units characters, and Windows takes no more than 240 below a folder of its own"
  shorten_path "$1"
  offer_rename "$1" "$to"
  return 1
}

# judge_part NAME: 1 for one that cannot be, with RULE_TEXT.
judge_part() {
  local base=$1 bare
  case $1 in
    *[[:cntrl:]]*) RULE_TEXT='has a control character in its name, which Windows cannot hold' && return 1 ;;
    *[\<\>:\"\|?*\\]*) RULE_TEXT='has a character in its name that Windows cannot hold (one of < > : " | ? * \)' && return 1 ;;
    *.) RULE_TEXT='has a dot at the end of a name, which Windows leaves out' && return 1 ;;
    *\ ) RULE_TEXT='has a blank at the end of a name, which Windows leaves out' && return 1 ;;
  esac
  [ ${#1} -le 255 ] || { RULE_TEXT="has a name of ${#1} bytes, and most systems take 255" && return 1; }
  bare_part "$1"
  case $bare in
    .[Gg][Ii][Tt] | [Gg][Ii][Tt]~[0-9]) RULE_TEXT='has a name that macOS or Windows takes for .git' && return 1 ;;
  esac
  base=${base%%.*}
  base=${base%"${base##*[! ]}"}
  case $base in
    [Cc][Oo][Nn] | [Pp][Rr][Nn] | [Aa][Uu][Xx] | [Nn][Uu][Ll] | [Cc][Oo][Nn][Ii][Nn]\$ | [Cc][Oo][Nn][Oo][Uu][Tt]\$ | \
      [Cc][Oo][Mm][0-9] | [Ll][Pp][Tt][0-9] | [Cc][Oo][Mm]$'\xc2'[$'\xb2\xb3\xb9'] | [Ll][Pp][Tt]$'\xc2'[$'\xb2\xb3\xb9'])
      RULE_TEXT='has a name that Windows keeps for a device' && return 1
      ;;
  esac
}

# bare_part NAME: sets `bare` of the caller, without the characters that HFS+ does not see.
bare_part() {
  bare=$1
  case $1 in *$'\xe2\x80'* | *$'\xe2\x81'* | *$'\xef\xbb\xbf'*) ;; *) return 0 ;; esac
  bare=${bare//$'\xe2\x80'[$'\x8c'-$'\x8f'$'\xaa'-$'\xae']/}
  bare=${bare//$'\xe2\x81'[$'\xaa'-$'\xaf']/}
  bare=${bare//$'\xef\xbb\xbf'/}
}

# mend_part NAME: sets `to` of the caller, the nearest name that may be.
mend_part() {
  local name=$1
  name=${name//[<>:\"|?*\\[:cntrl:]]/-}
  while case $name in *[.\ ]) ;; *) false ;; esac do name=${name%?}; done
  [ -n "$name" ] || name=unnamed
  [ ${#name} -le 255 ] || cut_name "$name" 200
  judge_part "$name" || name=_$name
  judge_part "$name" || name=renamed
  to=$name
}

# cut_name NAME LENGTH: sets `name` of the caller. Never through the middle of a character, and with its ending.
cut_name() {
  local ending=''
  case $1 in ?*.?*) ending=.${1##*.} && [ ${#ending} -lt 20 ] || ending='' ;; esac
  name=${1:0:$2-${#ending}}
  while case $name in *[$'\x80'-$'\xbf']) ;; *) false ;; esac do name=${name%?}; done
  case $name in *[$'\xc0'-$'\xff']) name=${name%?} ;; esac
  name+=$ending
}

# shorten_path PATH: sets `to` of the caller. A folder that is too long itself is left.
shorten_path() {
  local name=${1##*/} folder=''
  case $1 in */*) folder=${1%/*}/ ;; esac
  while [ ${#folder} -gt 200 ]; do
    folder=${folder%/}
    case $folder in */*) folder=${folder%/*}/ ;; *) folder='' ;; esac
  done
  [ $((${#folder} + ${#name})) -le 240 ] || cut_name "$name" $((240 - ${#folder}))
  to=$folder$name
}

forget_offers() { OFFERED=//; }
forget_offers

# offer_rename AT TO [QUOTE]: sets RULE_FIX, a command that works once. Where TO is taken, or was offered to another file, it
# names the next free one; of a folder's files the first has the command.
offer_rename() {
  local to=$2 stem=$2 ending='' number=1
  RULE_FIX='It goes with its folder, once that is renamed as above.'
  case $OFFERED in *"//$1//>"*) return 0 ;; esac
  case ${2##*/} in ?*.?*) ending=.${2##*.} stem=${2%.*} ;; esac
  while [ -e "$TOP/$to" ] || [ -L "$TOP/$to" ] || case $OFFERED in *"//>$to//"*) ;; *) false ;; esac do
    number=$((number + 1))
    to=$stem-$number$ending
  done
  OFFERED+="$1//>$to//"
  RULE_FIX="Rename it: mv -- $("${3:-near}" "$1") $("${3:-near}" "$to")"
}

# count_units TEXT: sets `units` of the caller, how many 16-bit units Windows counts in UTF-8 text.
count_units() {
  local rest=${1//[$'\x80'-$'\xbf']/}
  local long=${rest//[!$'\xf0'-$'\xf7']/}
  units=$((${#rest} + ${#long}))
}
