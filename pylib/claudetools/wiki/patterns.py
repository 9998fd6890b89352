"""What addresses, names, paths, amounts and dates look like. Tables only; facts.py says what they mean."""

from __future__ import annotations

import re


def _any(*words: str) -> str:
    return "(?:" + "|".join(words) + ")"


# English and German. The first three letters tell the month.
MONTHS = {
    "jan": 1, "jän": 1, "feb": 2, "mar": 3, "mär": 3, "mrz": 3, "mae": 3, "apr": 4, "may": 5, "mai": 5, "jun": 6, "jul": 7,
    "aug": 8, "sep": 9, "oct": 10, "okt": 10, "nov": 11, "dec": 12, "dez": 12,
}  # fmt: skip
MONTH = _any(
    "jan(?:uary|uar)?", "jänner", "feb(?:ruary|ruar)?", "mar(?:ch)?", "märz?", "maerz", "mrz", "apr(?:il)?", "may", "mai", "june?",
    "juni", "july?", "juli", "aug(?:ust)?", "sept?(?:ember)?", "o[ck]t(?:ober)?", "nov(?:ember)?", "de[cz](?:ember)?",
)  # fmt: skip
DAY = r"\d{1,2}(?:st|nd|rd|th)?"
YEAR = r"(?:,?\s+\d{4})?"
MONEY = r"(?:us\$|ca\$|au\$|[$€£¥]|\b(?:usd|eur|euro|gbp|cad|aud|chf)\b)"
NUMBER = r"(?:\d{1,3}(?:[,'\u2019 ]\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+(?:[.,]\d+)?)"
TIMES = r"(?:\s?(?:k|m|mio|tsd|thousand|million)\b\.?)"
# Unit, by what it is measured in, and how many of those it is.
UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("hours", "hour", "hrs", "hr", "h", "std", "stunde", "stunden"), ("minutes", 60)),
    **dict.fromkeys(("minutes", "minute", "mins", "min", "minuten"), ("minutes", 1)),
    **dict.fromkeys(("seconds", "second", "secs", "sec", "sekunden", "s"), ("seconds", 1)),
    "ms": ("seconds", 0.001),
    **dict.fromkeys(("days", "day", "tage", "tagen", "tag", "d"), ("days", 1)),
    **dict.fromkeys(("weeks", "week", "wochen", "woche"), ("days", 7)),
    **dict.fromkeys(("months", "month", "monate", "monaten", "monat"), ("months", 1)),
    **dict.fromkeys(("years", "year", "yrs", "yr", "jahre", "jahren", "jahr"), ("months", 12)),
    **dict.fromkeys(("%", "percent", "prozent"), ("%", 1)),
    **dict.fromkeys(("users", "user", "benutzer"), ("users", 1)),
    **dict.fromkeys(("licenses", "licences", "license", "licence", "lizenzen", "lizenz", "seats", "seat"), ("licenses", 1)),
    **dict.fromkeys(("mailboxes", "mailbox", "postfächer", "postfach"), ("mailboxes", 1)),
    **dict.fromkeys(("devices", "device", "geräte", "gerät"), ("devices", 1)),
    **dict.fromkeys(("endpoints", "endpoint"), ("endpoints", 1)),
    **dict.fromkeys(("employees", "mitarbeiter", "staff"), ("employees", 1)),
    **dict.fromkeys(("daily", "dailies"), ("daily", 1)),
    **dict.fromkeys(("weekly", "weeklies"), ("weekly", 1)),
    **dict.fromkeys(("monthly", "monthlies"), ("monthly", 1)),
    **dict.fromkeys(("yearly", "yearlies"), ("yearly", 1)),
    **dict.fromkeys(("cores", "core", "vcpus", "vcpu", "cpus", "cpu"), ("cores", 1)),
    **{f"{size}{unit}": (base, 1000.0**power) for power, size in enumerate(("k", "m", "g", "t"), 1)
       for base, units in (("bytes", ("b", "ib")), ("bits/s", ("bps", "bit/s", "bit", "bits", "b/s!"))) for unit in units},
    **{f"{size}b/s": ("bytes/s", 1000.0**power) for power, size in enumerate(("k", "m", "g"), 1)},
    **{size: ("hz", factor) for size, factor in (("mhz", 1e6), ("ghz", 1e9))},
    **{unit: ("watts", factor) for unit, factor in (("w", 1), ("kw", 1000), ("watt", 1), ("va", 1), ("kva", 1000))},
    **dict.fromkeys(("v", "volt", "volts"), ("volts", 1)),
    **dict.fromkeys(("°c", "celsius"), ("°c", 1)),
}  # fmt: skip
UNIT = _any(*sorted((re.escape(unit) for unit in UNITS if len(unit) > 1 or unit in "h%"), key=len, reverse=True))
PROTOCOL = _any(
    "tcp", "udp", "rdp", "ssh", "https?", "smtps?", "imaps?", "pop3", "ldaps?", "s?ftps?", "snmp", "dns", "vnc",
    "winrm", "sip", "smb", "radius", "syslog", "sql", "listen(?:s|ing|ed)?", "hört auf",
)  # fmt: skip
AND = _any(r"\s*,\s*(?:and\s+|und\s+)?", r"\s+and\s+", r"\s+or\s+", r"\s+to\s+", r"\s+und\s+", r"\s*/\s*", r"\s*-\s*")
IP = r"\d{1,3}(?:\.\d{1,3}){3}"
BEFORE_IP = r"(?<![\d.])"
NAMED = r"(?:\s?(?:no\b\.?|nr\b\.?|number|nummer|id|ids))?"
IS = r"(?:\s+(?:is|was|ist|war|now|jetzt|lautet|to|auf))*"
SIGNS = r"[\s:#=*(`\"'-]{0,4}"
PART = r"[^\s<>\"'`|,;)\]\u2502]"
# A path may hold a space where a backslash follows in the next word: `C:\Program Files\Veeam`.
BACKSLASHED = rf"(?:\\{PART}*)(?:\s\(?[\w.()-]{{1,30}}(?:\s[\w.()-]{{1,20}})?\\{PART}*)*"

# What comes first has the first claim on its place. A group `value` is the fact, else the whole.
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("url", r"\b[a-z][a-z0-9+.-]{1,15}://[^\s<>\"'`|)\]}\u2502]+"),
        ("registry", rf"\b(?:hklm|hkcu|hkcr|hku|hkcc|hkey_[a-z_]+):?{BACKSLASHED}"),
        ("share", rf"(?<![\w\\])\\\\[\w.$-]+{BACKSLASHED}"),
        ("drive", rf"(?<![\w])[a-z]:{BACKSLASHED}"),
        ("email", r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
        ("guid", r"(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])"),
        ("guid", r"(?<![\w-])[0-9a-f]{32}(?![\w-])"),
        ("mac", r"(?<![\w:.-])[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}(?![\w-]|:\w)"),
        ("mac", r"(?<![\w:.-])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?![\w-]|\.\w)"),
        ("mac", r"(?<![\w:.-])[0-9a-f]{6}-[0-9a-f]{6}(?![\w-])"),
        ("mac", r"\bmac\b[^.\n]{0,25}?[\s:=(`](?P<value>[0-9a-f]{12})(?![\w-])"),
        ("date", r"(?<![\d.])\d{4}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])(?!\d)"),
        ("date", r"(?<![\d./])\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d{2})(?!\d|[./]\d)"),
        ("date", rf"\b{MONTH}\.?\s+{DAY}{YEAR}\b(?!:)"),
        ("date", rf"\b{DAY}\.?\s+(?:of\s+)?{MONTH}\b\.?{YEAR}"),
        ("date", rf"\b{MONTH}\s+\d{{4}}\b"),
        ("time", r"(?<![\d:.])[0-2]?\d:[0-5]\d(?::[0-5]\d)?(?![\d:])(?:\s?[ap]\.?m\b\.?)?"),
        ("time", r"(?<![\w:.,-])[01]?\d\s?[ap]\.?m\b\.?|(?<![\w:.,-])[0-2]?\d(?:[.:][0-5]\d)?\s?uhr\b"),
        ("range", rf"{BEFORE_IP}{IP}\s?-\s?(?:{IP}|\d{{1,3}}(?:\.\d{{1,3}}){{0,2}})(?!\w|\.\d)"),
        ("range", rf"\b(?:range|pool|scope|dhcp|bereich|leases?)\b[^.\d\n]{{0,30}}(?P<value>{IP}\s(?:to|bis|through|until|and)\s(?:{IP}|\.?\d{{1,3}}))(?!\w|\.\d)"),
        ("net", rf"{BEFORE_IP}{IP}/\d{{1,2}}(?!\d)"),
        ("ip", rf"{BEFORE_IP}{IP}(?!\d|\.\d)"),
        ("ip", r"(?<![\d.])\d{1,3}\.\d{1,3}\.(?:\d{1,3}|[x*])\.[x*](?!\w)"),
        ("ip6", r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w+)?(?:/\d{1,3})?(?![\w:])"),
        ("phone", r"(?<![\w.+])\+\d[\d ()/.-]{6,20}\d(?!\w)"),
        ("phone", r"(?<![\w.+])\(\d{2,6}\)\s?\d[\d -]{4,12}\d(?!\w)"),
        ("phone", r"(?<![\w.+-])0\d{1,5}(?:\s?[/-]\s?|\s)\d[\d -]{3,12}\d(?![\w-])"),
        ("phone", r"(?<![\w.+-])\d{3}[.-]\d{3}[.-]\d{4}(?![\w-])|(?<![\w.+-])\d{3}-\d{4}(?![\w-])"),
        ("exts", rf"(?:\bext(?:ension|\.)?|\bdurchwahl|\bnebenstelle|\bdw)\b\.?{NAMED}[^.\d\n│]{{0,25}}?\b(?P<value>\d{{2,5}}(?:{AND}\d{{2,5}})*)\b(?!\.\d)"),
        ("port", r"(?<=[\w.\]]:)\d{2,5}(?![\w:.]\d|\d)"),
        ("port", r"\b(?P<value>\d{1,5})/(?:tcp|udp)\b"),
        ("ports", rf"\b{PROTOCOL}(?:[ :/(]{{1,2}}|\s+(?:on|auf|over|at|via|is on|runs on|moved to)\s+(?:port\s+)?)(?P<value>\d{{2,5}})\b(?![.:]\d)"),
        ("port", r"\b(?:is|runs|listens|reachable|answers|available|console|ui)\s(?:on|at|auf)\s(?P<value>\d{2,5})\b(?![.:/,]\d|\s?[a-z%€$])"),
        ("ports", rf"\bports?\b[^\w\n]{{0,6}}(?:(?:tcp|udp|no\.?|number|is|to|from|was)[ /]+)*(?P<value>\d{{1,5}}(?:{AND}\d{{1,5}})*)(?![.:]\d)"),
        ("vlans", rf"\bvlans?{NAMED}[^\w\n]{{0,5}}(?P<value>\d{{1,4}}(?:{AND}\d{{1,4}})*)\b(?!\.\d)"),
        ("vlans", r"\bvlans?\b(?:\s(?:for|of|fürs?)\s[\w -]{1,25}|\s[\w-]{1,15})?\s?(?:is|=|:|id|\(|\(id|ist|hat|has|has id|uses|got|to)\s?:?\s?(?P<value>\d{1,4})\b(?!\.\d)"),
        ("vlan", r"(?<![\w.])(?P<value>\d{1,4})(?=\s?\(?(?:vlan)\b)"),
        ("amount", rf"{MONEY}\s?{NUMBER}{TIMES}?|(?<![\w.,]){NUMBER}{TIMES}?\s?{MONEY}|(?<![\w.,]){NUMBER},-"),
        ("serial", rf"(?:\bserial{NAMED}|\bs/n|\bsn|\bseriennummer|\bservice\s?tag|\basset\s?tag|\binventory{NAMED}){IS}[\s:#=*(`\"'-]{{1,4}}(?P<value>(?=[\w-]*\d)[\w-]{{4,40}})"),
        ("ticket", rf"\b(?:tickets?|cases?|incidents?|vorgang|vorgänge|störung){NAMED}{IS}{SIGNS}(?P<value>\d{{3,9}}(?:{AND}#?\d{{3,9}})*)\b(?![.,]\d)"),
        ("order", rf"\b(?:orders?|invoices?|quotes?|po|rma|contracts?|bestellung|rechnung|angebot|vertrag|purchase order|customer|kunden?){NAMED}{IS}{SIGNS}(?P<value>\d{{3,12}}(?:{AND}\d{{3,12}})*)\b(?![.,]\d|\s?{MONEY}|\s?{UNIT}\b)"),
        ("ticket", r"(?<![\w#&])#(?P<value>\d{3,9})\b"),
        ("commit", r"\b(?:commits?|revision|sha|rev|hash|tag)\b[\s:`]{1,3}(?P<value>[0-9a-f]{6,40})(?![\w-])"),
        ("commit", r"(?<![\w.:#/-])(?=[0-9a-f]{0,39}[a-f])(?=[0-9a-f]{0,39}\d)[0-9a-f]{7,40}(?![\w-]|\.\w)"),
        ("version", r"\b(?:version|ver\.?|firmware|release|build|fassung|patch(?: ?level)?|rev(?:ision)?|os|image)\b(?:\s(?:version|is|was|to|now|auf|ist|from|at|of|level)\b)*[\s:=(]{1,3}(?P<value>v?\d+(?:\.\d+)*(?:[.+-]?[a-z]{0,6}\d+)*)(?![\w]|[.,]\d)"),
        ("version", r"(?<![\w.-])v(?P<value>\d+(?:\.\d+)*(?:[.+-]?[a-z]{0,6}\d+)*)(?![\w]|\.\d)"),
        ("version", r"(?<![\w.,$€£-])(?P<value>\d+\.\d+\.\d+(?:[.+-]\w+)*)(?!\w|\.\d)"),
        ("version", rf"(?-i:\b[A-Z][A-Za-z]*[a-z]?[A-Za-z]*)\s(?P<value>\d{{1,3}}\.\d{{1,3}})(?![\w%]|[.,]\d|\s?{MONEY}|\s?{UNIT}\b)"),
        ("amount", rf"(?<![\w.,$-]){NUMBER}[\s-]?{UNIT}(?![\w/]|\.\w)"),
        ("path", r"(?<![\w.:/\\<$€£%)])(?:~|\.{1,2})?/[\w.@+-][\w.@+~%-]*(?:/[\w.@+~%-]*)*"),
        ("path", r"(?<![\w.:/\\@-])(?:[\w.@+-]+/){2,}[\w.@+~%-]*"),
        ("path", r"(?<![\w.:/\\@-])[\w.@+-]+/[\w@+-]+\.[a-z0-9]{1,8}\b"),
        ("host", r"(?<![\w.@/-])(?:[a-z0-9_](?:[\w-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}(?![\w-]|\.\w)"),
        ("host", r"(?<![\w./-])[a-z][a-z0-9]*(?:-[a-z0-9]+)+(?![\w-])"),
        ("host", r"(?<![\w./-])[a-z]{2,15}\d{1,4}(?![\w-])"),
        ("code", r"(?<![\w./-])(?=[a-z-]*\d)(?=[\d-]*[a-z])[a-z0-9]{5,40}(?:-[a-z0-9]+)*(?![\w-])"),
        ("introduced", r"\b(?:host(?:name)?|server|controller|hypervisor|nas|node|vm|machine|workstation|laptop|appliance|box|container)s?(?:\s(?:is|named|called|name|heißt|is called|is named))?[\s:]{1,2}(?P<value>(?-i:[A-Z]{3,15}))(?![\w-])"),
        ("introduced", r"\b(?:named|called|hostname|heißt|namens)[\s:=]{1,2}(?P<value>[a-z][\w-]{2,30})(?![\w-])"),
        ("introduced", r"(?-i:\b(?:on|auf)\s(?!(?:HTTPS?|LDAPS?|IPSEC|SMTPS?|IMAPS?|RADIUS|SNMP|VLANS?|DHCP|RAID|NVME|SATA|ISCSI|VRRP|OSPF|VMWARE|AZURE|WSUS|NTFS|ADFS|SAML|TOTP|FIDO|NTLM|SFTP|ICMP|SSDS?|LINUX|WINDOWS|MACOS|ANDROID|ESXI|ONLY|BOTH)\b)(?P<value>[A-Z]{4,15})\b)"),
        ("number", r"(?<![\w.,:-])(?:\d{2,}(?:[.,]\d+)?|\d[.,]\d+)(?!\w|[.,:]\d)"),
        ("name", r"(?<=`)[^`\s]{2,200}(?=`)"),
    )
)  # fmt: skip

# A plain number in a line with such a word, or in a column of that name, may be one of the kind.
KIND_WORDS = {
    "port": re.compile(r"\bports?\b", re.IGNORECASE),
    "vlan": re.compile(r"\bvlans?\b", re.IGNORECASE),
    "ticket": re.compile(r"\b(?:tickets?|cases?|incidents?|vorgang|vorgänge)\b", re.IGNORECASE),
    "order": re.compile(r"\b(?:orders?|invoices?|quotes?|po|rma|contracts?|bestellung|rechnung|angebot|vertrag|customer)\b", re.I),
    "ext": re.compile(r"\b(?:ext(?:ension)?s?|durchwahl(?:en)?|nebenstelle)\b", re.IGNORECASE),
    "version": re.compile(r"\b(?:version|firmware|release|build|os)\b", re.IGNORECASE),
    "serial": re.compile(r"\b(?:serials?|s/n|sn|seriennummern?)\b", re.IGNORECASE),
}  # fmt: skip

# General words with digits: products, standards, sizes. No log has to say them.
ORDINARY = re.compile(
    r"(?i)(?<![\w.:-])(?:ip(?:v[46]|sec\d?)|(?:aes|sha|rsa|des|ecdsa|chacha|curve|ed|md)-?\d+(?:-(?:gcm|cbc|ctr))?|utf-?(?:8|16)|base64|"
    r"(?:win(?:dows)?(?:\sserver)?|server|exchange(?:\sserver)?|office|sql(?:\sserver)?|sharepoint|project|visio|outlook|ltsc|word|excel|"
    r"acrobat|visual studio|dynamics|sage|datev)[\s-]?(?:19|20)\d\d(?:\sr2)?|win(?:dows)?[\s-]?(?:1[01]|[789]|8\.1)(?:\spro)?|"
    r"(?:debian|ubuntu|rhel|centos|rocky|macos|android|ios)\s\d{1,2}(?!\.\d)|ubuntu\s\d\d\.(?:04|10)(?:\.\d)?(?:\slts)?|"
    r"[mo]365|(?:office|microsoft|m|o)\s?365|mp[34]|python[23]|"
    r"log4j|x64|x86(?:-64)?|(?:32|64)-?bit|http/?[123](?:\.[01])?|tls\s?v?1(?:\.[0-3])?|ssl\s?v?[23](?:\.0)?|ikev[12]|smb\s?v?[123](?:\.\d(?:\.\d)?)?|snmp\s?v?[123]c?|"
    r"ntlmv[12]|nfsv?[34]|wpa[23](?:-(?:personal|enterprise|psk|sae))?|raid[\s-]?\d+|[pb]2[pb]|s3|ec2|oauth\s?2(?:\.0)?|saml\s?2(?:\.0)?|iso[\s-]?\d+(?:-\d+)?|24[x/]7|"
    r"usb[\s-]?[234c](?:\.\d)?|cat\.?\s?\d[ae]?|rj-?\d\d|ddr\d|pcie?\s?\d(?:\.\d)?|802\.\d+\w*(?:/\w+)?|wi-?fi[\s-]?\d\w?|bluetooth\s\d(?:\.\d)?|"
    r"(?:10|25|40|100|2\.5|1)gb(?:e|ase-?\w+)|[345]g|[ef][135]\s?licen[cs]es?|(?:e|f|p)[1235]|a4|i[3579]|(?:top|layer|tier)[\s-]\d|rfc\s?\d+|cvss\s?\d\.\d|"
    r"(?:phase|step|level|stage|part|day|week|month|year|option|item|line|page|section|note|rule|type|class|group|round|no|p|q|"
    r"slot|bay|floor|unit|disk|raid|gen|generation|schritt|teil|stufe|etage|zeile|seite)[\s-]?\d{1,3}(?!\d|[.,]\d|\s(?:days|hours|users)))(?![\w-]|[.:]\w)"
)
VAULT = re.compile(r"(?:\bvault:|\bop://|\bpass show\s)\s*`?([\w.@+/#:-]+)", re.IGNORECASE)
VAULT_WORD = re.compile(r"\bvault(?:ed)?\b", re.IGNORECASE)
PATHLIKE = re.compile(r"(?<![\w./:-])[\w.@+-]+(?:/[\w.@+-]+)+")
# Words with a slash, and our own folders, that are no places in a vault.
NO_VAULT = re.compile(
    r"(?i)and/or|n/a|tcp/ip|ssl/tls|yes/no|on/off|read/write|client/server|key/value|(?:user(?:name)?|login|id)/pass(?:word)?|"
    r"(?:clients|projects|wiki|session-logs)/.*"
)
