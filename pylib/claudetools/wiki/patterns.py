"""What addresses, names, paths, amounts and dates look like. Tables only; facts.py says what they mean."""

from __future__ import annotations

import re


def _any(*words: str) -> str:
    return "(?:" + "|".join(words) + ")"


MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = _any(
    "jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?", "aug(?:ust)?",
    "sept?(?:ember)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?",
)  # fmt: skip
DAY = r"\d{1,2}(?:st|nd|rd|th)?"
YEAR = r"(?:,?\s+\d{4})?"
UNIT = _any(
    "hours?", "hrs?", "h", "users?", "seats?", "licen[cs]es?", "mailboxes", "devices", "endpoints",
    r"[kmgt]i?b(?:it)?(?:/s|ps)?", "%", "percent",
)  # fmt: skip
MONEY = r"(?:us\$|ca\$|au\$|[$€£¥]|\b(?:usd|eur|gbp|cad|aud|chf)\b)"
NUMBER = r"(?:\d{1,3}(?:[,'\u2019 ]\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+(?:[.,]\d+)?)"
PROTOCOL = _any(
    "tcp", "udp", "rdp", "ssh", "https?", "smtps?", "imaps?", "pop3", "ldaps?", "s?ftps?", "snmp", "dns", "vnc",
    "winrm", "sip", "smb", "listen(?:s|ing)? on",
)  # fmt: skip
AND = _any(r"\s*,\s*(?:and\s+)?", r"\s+and\s+", r"\s+or\s+", r"\s+to\s+", r"\s*/\s*", r"\s*-\s*")
RANGE = r"-\d{1,3}(?:\.\d{1,3}){0,3}(?!\w|\.\d)"

# What comes first has the first claim on its place.
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("time", r"(?<![\d:.])\d{1,2}:\d{2}(?::\d{2})?(?![\d:])"),
        ("url", r"\b[a-z][a-z0-9+.-]{1,15}://[^\s<>\"'`|)\]}]+"),
        ("share", r"(?<![\w\\])\\\\[\w.$-]+(?:\\[^\s\\<>\"'`|,;)]+)+"),
        ("drive", r"(?<![\w])[a-z]:\\(?:[^\s\\<>\"'`|,;)]+\\?)*"),
        ("email", r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
        ("mac", r"(?<![\w:-])[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}(?![\w:-])"),
        ("date", r"(?<![\d.])\d{4}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])(?!\d)"),
        ("date", r"(?<![\d./])\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d{2})(?!\d|[./]\d)"),
        ("date", rf"\b{MONTH}\.?\s+{DAY}{YEAR}\b(?!:)"),
        ("date", rf"\b{DAY}\.?\s+(?:of\s+)?{MONTH}\b{YEAR}"),
        ("date", rf"\b{MONTH}\s+\d{{4}}\b"),
        ("ip", rf"(?<![\d.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?:/\d{{1,2}}(?!\d)|{RANGE})?(?!\d|\.\d)"),
        ("ip6", r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w+)?(?:/\d{1,3})?(?![\w:])"),
        ("port", r"(?<=[\w.\]]:)\d{2,5}(?![\w:.]\d|\d)"),
        ("port", r"\b\d{1,5}/(?:tcp|udp)\b"),
        ("ports", rf"\b{PROTOCOL}[ :/(]{{1,2}}\d{{2,5}}\b"),
        ("ports", rf"\bports?\b[^\w\n]{{0,6}}(?:(?:tcp|udp|no\.?|number)[ /]?)?\d{{1,5}}(?:{AND}\d{{1,5}})*"),
        ("amount", rf"{MONEY}\s?{NUMBER}(?:\s?[km]\b)?|(?<![\w.,]){NUMBER}(?:\s?[km])?\s?{MONEY}"),
        ("amount", rf"(?<![\w.,$-]){NUMBER}[\s-]?{UNIT}(?!\w)"),
        ("path", r"(?<![\w.:/\\<$€£%)])(?:~|\.{1,2})?/[\w.@+-][\w.@+~%-]*(?:/[\w.@+~%-]*)*"),
        ("path", r"(?<![\w.:/\\@-])(?:[\w.@+-]+/){2,}[\w.@+~%-]*"),
        ("path", r"(?<![\w.:/\\@-])[\w.@+-]+/[\w@+-]+\.[a-z0-9]{1,8}\b"),
        ("host", r"(?<![\w.@/-])(?:[a-z0-9_](?:[\w-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}(?![\w-]|\.\w)"),
        ("host", r"(?<![\w./-])[a-z][a-z0-9]*(?:-[a-z0-9]+)+(?![\w-])"),
        ("host", r"(?<![\w./-])[a-z]{2,15}\d{1,4}(?![\w-])"),
        ("number", r"(?<![\w.,-])\d{4,}(?!\w|[.,]\d)"),
        ("name", r"(?<=`)[^`\s]{2,200}(?=`)"),
    )
)

# Words with digits that are no host names.
ORDINARY = re.compile(
    r"ip(?:v[46]|sec\d)|sha-?\d+|md5|utf-?(?:8|16)|base64|win\d{1,4}|[mo]365|(?:office|microsoft)365|mp[34]|python[23]|"
    r"log4j|x64|x86|http[123]|tls1|ssl[23]|ikev[12]|smbv?[123]|snmpv?[123]|ntlmv[12]|wpa[23]|raid-?\d+|[pb]2[pb]|s3|ec2|"
    r"oauth2|saml2|iso-?\d+(?:-\d+)?|24x7|(?:phase|step|level|layer|tier|stage|part|day|week|month|year|version|v|option|"
    r"item|line|page|section|note|rule|type|class|group|round|no|top|p|q)-?\d+"
)
VAULT = re.compile(r"(?:\bvault:|\bop://|\bpass show\s)\s*`?([\w.@+/#:-]+)", re.IGNORECASE)
VAULT_WORD = re.compile(r"\bvault(?:ed)?\b", re.IGNORECASE)
PATHLIKE = re.compile(r"(?<![\w./:-])[\w.@+-]+(?:/[\w.@+-]+)+")
# Words with a slash, and our own folders, that are no places in a vault.
NO_VAULT = re.compile(
    r"(?i)and/or|n/a|tcp/ip|ssl/tls|yes/no|on/off|read/write|client/server|key/value|(?:user(?:name)?|login|id)/pass(?:word)?|"
    r"(?:clients|projects|wiki|session-logs)/.*"
)
