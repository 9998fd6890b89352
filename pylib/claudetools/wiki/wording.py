"""The words by which a line tells what it speaks of, and how. Tables only; English, and German as logs may be."""

from __future__ import annotations

import re

# Words that are no subject: how something is said, and what every value is called.
TRANSPARENT = frozenset(
    """a an the this that these those it its their his her our your my he she they we you who which there here
    is are was were be been being has have had do does did will would shall should can could may might must
    at on in of for to from by with via over under into onto out up off as per and or but not no nor so than then if when
    while where since until after before during also both each every all any some only just still now new old current
    currently today once again yet already about around up more most less least same other another own
    uses use used using runs run running listens listening listen listened got get gets set sets setting keeps keep kept
    holds hold held lies lives sits stands serves answers answer reachable available found see seen done made make
    raised lowered increased reduced extended shortened switched migrated renumbered went going renewed left kept
    changed change changes moved move moves replaced replace replaces upgraded upgrade updated update assigned assign
    configured configure installed install added add located connects connected connect goes go went points point
    ip ips ipv address addresses adresse adressen subnet network net netz port ports vlan vlans id ids version versions
    firmware release build mac number numbers no nr serial serials ticket tickets tel extension extensions ext
    url urls link path paths host hostname hosts name names named called value values date day days time week weeks month
    months year years hour hours minute minutes total amount price cost costs fee
    server servers machine device devices system box service services interface account retention every because cover covers covered
    end ends ended expire expires expired expiry valid start starts started begin begins due commit commits pushed push revision belongs belong
    call calls dial reach reached contact ask open opened see put gave give there
    holds costs keeps size amounts long lasts range dhcp scope pool well type kind state status daily
    der die das den dem des ein eine einen einem einer und oder ist sind war waren wird wurde wurden hat haben hatte auf
    an am im in bei von vom zu zum zur mit für über unter nach aus als auch nicht noch jetzt neu neue neuer neuen alt
    läuft laufen liegt lautet steht erreichbar kostet beträgt seit bis uhr nummer seriennummer durchwahl tage tagen
    says said tell tells named via through tcp udp pm uhr""".split()
)
# One thing, two words; German as the logs of a team may be, English as the article.
SAME = {
    "drucker": "printer", "sicherung": "backup", "datensicherung": "backup", "aufbewahrung": "retention", "telefon": "phone", "telephone": "phone",
    "gäste": "guest", "gast": "guest", "guests": "guest", "standort": "site", "office": "site", "vertrag": "contract",
    "lizenz": "license", "licence": "license", "zertifikat": "certificate", "cert": "certificate", "mandant": "tenant",
    "wlan": "wifi", "wi-fi": "wifi", "wireless": "wifi", "kunde": "customer", "client": "customer", "benutzer": "user",
    "leitung": "line", "anschluss": "line", "verwaltung": "management", "mgmt": "management", "sprache": "voice",
    "nightly": "night", "kamera": "camera", "speicher": "storage", "wartung": "maintenance", "fw": "firewall", "dc": "controller",
}  # fmt: skip
CHANGE = re.compile(
    r"(?i)\b(?:mov|chang|migrat|renumber|switch|rais|increas|reduc|lower|upgrad|updat|renam|correct|replac|re-?assign|"
    r"transfer|extend|shorten|cut|bump|downgrad|swap|shift|relocat|verschob|geänder|umgestell|umgezog|erhöh|gesenk|"
    r"ersetz|aktualisier|korrigier)\w*|\b(?:now|went|instead|no longer|new|jetzt|neu)\b|→|->|=>"
)
OLD_BEFORE = re.compile(
    r"(?i)(?:\b(?:not|no longer|never|instead of|rather than|formerly|previously|former|old|earlier|previous|isn't|"
    r"wasn't|nicht(?: mehr)?|statt|anstelle von|alte[rsnm]?|früher\w*|bisher\w*|vormals|ehemals|ehemalige\w*|replac(?:es|ed|ing)|"
    r"ersetzte?|retir(?:ed|ing)|remov(?:ed|ing)|decommission(?:ed|ing)|dropp(?:ed|ing)|disabled|deleted|closed|cancell?ed|"
    r"until|away from|wrong(?:ly)?|outdated|obsolete|used to be|had been|no more|superseded|scrapped|abandoned|ex)\b|[(,;]\s?(?:was|were|war|before|vorher)\b|"
    r"\bex-)(?P<gap>[^.;!?]{0,45})$"
)
TURNS = re.compile(
    r"(?i)\b(?:with|by|to|but|now|durch|auf|mit|sondern|is|ist|are|becomes?|became|change\w*|touch\w*|affect\w*|needed|and|since|"
    r"in favou?r of|on)\b|→|->|=>"
)
OLD_AFTER = re.compile(
    r"(?i)^[)\]`\"'*,]{0,2}(?:\s?\([^()]{1,40}\))?(?:\s(?:of|for|on|at|in|von|des|der|für)\s[^.;,:]{1,40}?(?=\s(?:is|was|were|has|had|ist|wurde)\b))?\s?(?:(?:is|was|were|are|has been|had been|have been|got|wurde|ist|will be|address|is the)\s)*(?:now\s)?(?:"
    r"not\b(?!\s(?:changed|touched|only|affected))|no longer|never|retired|decommissioned|gone\b|obsolete|outdated|removed|dropped|wrong|old\b|"
    r"previously|formerly|before\b|until\b|released|freed|closed|deleted|disabled|abandoned|superseded|invalid|abgeschaltet|ersetzt|außer betrieb|entfernt|"
    r"stillgelegt|nicht\b|any ?more|scrapped|dead\b|cancell?ed|a typo|turned off|switched off|replaced\b(?! (?:the|an?|our)\b)|"
    r"changed to|became|→|->|=>|moved to|wird zu|in the past|bisher|\((?:old|retired|until|gone|wrong|former)\b)"
)
RETIRED = re.compile(
    r"(?i)\b(?:retired|decommissioned|scrapped|removed|deleted|gone|obsolete|dismantled|disposed|cancell?ed|terminated|"
    r"replaced|no longer|out of service|shut down|turned off|switched off|außer betrieb|abgeschaltet|stillgelegt|gekündigt|abgebaut|ersetzt)\b"
)
PLAN = re.compile(
    r"(?i)\b(?:will|shall|going to|plan(?:s|ned|ning)?|propos\w+|suggest\w*|consider\w*|should|would|might|maybe|perhaps|"
    r"probably|todo|to do|to be|next (?:week|month|quarter|year)|tomorrow|intend\w*|wird|sollen?|sollte|geplant|könnte|"
    r"vielleicht|morgen|nächste\w*|possibly|tentative\w*|quoted|requested)\b|\?\s*$"
)
WAS = re.compile(r"(?i)\b(?:was|were|war|had)\b[^.;!?]{0,30}$")
NOW_AFTER = re.compile(r"(?i)^[^.;!?]{0,40}\b(?:now|jetzt|but|before|until|vorher)\b")
# What a host has beside its own address.
ATTRIBUTES = frozenset(
    """idrac ilo ipmi bmc wan lan dmz vpn vip cluster virtual storage iscsi secondary second additional management backup gateway dns
    uplink peer tunnel public private internal external inside outside replica replication heartbeat console nat relay""".split()
)
WORDS_OF_END = (
    r"(?:resolved|fixed|solved|settled|closed|completed?|done|replaced|removed|decommissioned|no longer|obsolete|retired|migrated|"
    r"repaired|corrected|gone|behoben|gelöst|erledigt|ersetzt|repariert|abgeschlossen)"
)
# Said of the thing itself: "is fixed", not "the replaced cable".
DONE = re.compile(
    rf"(?i)(?<!\bthe )(?<!\ba )(?<!\ban )(?<!\bits )(?<!\bour )(?<!\bthis )(?<!\bevery )(?<!\bwith )(?<!\bder )(?<!\bdie )\b{WORDS_OF_END}\b"
)
# A sentence that says so may still not say that it is so.
OPEN = re.compile(
    r"(?i)n['\u2019]t\b|\b(?:not|never|cannot|nothing|nobody|none|unable|fail(?:s|ed|ing)?|will|shall|should|would|could|might|may|must|can|"
    r"to be|has to|have to|needs?|if|once|when|until|unless|before|plan\w*|next (?:week|month)|tomorrow|try\w*|tried|hope\w*|wait\w*|pending|"
    r"again|still|although|though|despite|came back|comes back|returned|re-?open\w*|recur\w*|persist\w*|part(?:ly|ially)|temporar\w*|"
    r"workaround|supposed\w*|thought|believed?|claim\w*|maybe|perhaps|probably|allegedly|nicht|kein\w*|wird|soll\w*|wieder|trotz|obwohl|"
    r"noch|falls|vielleicht|teilweise)\b|\bun(?:resolved|fixed|solved)|\?|\bno\b(?! longer)"
)
BACK = re.compile(
    r"(?i)\b(?:again|still|came back|comes back|is back|returned|re-?open\w*|recur\w*|persist\w*|not (?:fixed|resolved|solved)|wieder|weiterhin)\b"
)
# The figures of Syncro, as people call them. The last two name one only beside another.
BILLING = (
    (
        "open_tickets",
        r"open (?:\w+ )?tickets?|tickets?\W{0,3}(?:are |currently )*(?:open|offen)|offene tickets?|unresolved tickets?|open cases?",
    ),
    (
        "hours_this_month",
        r"hours?\b[^\d.;|\u2502]{0,24}\b(?:this|current) month|(?:this|current) month(?:'s)?\b[^\d.;|\u2502]{0,20}\bhours?|"
        r"month[- ]to[- ]date|mtd|(?:billed|billable|used|worked) hours?|hours? (?:billed|used|worked)|stunden (?:in )?diesen? monat|verbrauchte stunden",
    ),
    (
        "prepaid_hours",
        r"pre-?pa(?:y|id)\w*(?: hours?| balance)?|(?:block|contract|retainer|remaining) hours?(?: remaining| left)?|hour(?:s|ly)? (?:balance|budget|left|remaining)|"
        r"hours? (?:of )?(?:credit)|guthaben|stundenkontingent|reststunden|kontingent",
    ),
    ("open_tickets", r"open|offen"),
    ("hours_this_month", r"this month|hours|month|diesen monat"),
)
BILLED = re.compile("|".join(rf"(?P<f{n}>\b(?:{words})\b)" for n, (_, words) in enumerate(BILLING)), re.IGNORECASE)
# A word in capitals that no source has is taken for a name, unless everybody writes it so.
CAPITALS = re.compile(r"(?<![\w./\\@-])[A-ZÄÖÜ]{4,15}(?![\w./\\@-]\w|\w)")
ACRONYMS = re.compile(
    r"HTTPS?|LDAPS?|IPSEC|SMTPS?|IMAPS?|RADIUS|TACACS|SNMP|VLANS?|DHCP|RAID|NVME|SATA|ISCSI|VRRP|OSPF|VMWARE|AZURE|WSUS|NTFS|REFS|ADFS|"
    r"SAML|TOTP|FIDO|NTLM|SFTP|FTPS|ICMP|SSDS?|HDDS?|LINUX|UNIX|MACOS|ESXI|BIOS|UEFI|IPMI|IDRAC|ILOM|MPLS|WLAN|WPAN|LACP|RSTP|MSTP|IGMP|"
    r"DKIM|DMARC|SPFS?|DNSSEC|SIEM|XDRS?|EDRS?|MDMS?|GDPR|DSGVO|GMBH|JSON|YAML|HTML|HEIC|OCSP|ACME|PKCS|TCPS?|SNTP|LTSC|LTSB|SAAS|IAAS|PAAS|"
    r"NAPT|DNAT|SNAT|DMZS?|VDSL|ADSL|FTTH|FTTB|VOIP|SRTP|ISDN|MFPS?|APCS?|UPSS?|USVS?|CIFS|NFSV|OAUTH|OIDC|SCIM|RBAC|MSPS?|SLAS?|RPOS?|RTOS?|"
    r"TODO|NOTE|WARN(?:ING)?|INFO|ERROR|PASS|FAIL|ONLY|NEVER|ALWAYS|BOTH|NONE|OPEN|CLOSED|READ|WRITE|FULL|MUST|DOES|WITH|FROM|THIS|THAT|HIDDEN"
)
# A value that has gone to somebody else.
PASSED = re.compile(
    r"(?i)^\W{0,2}(?:now\s)?(?:went|goes|passed|was given|was moved|was reassigned|belongs|is now)\s(?:over\s)?(?:to|with)\s(?P<to>[^.;,]+)"
)
# What a host has beside its own address, and what never is the same side.
BESIDE = frozenset("idrac ilo ipmi bmc vip cluster storage iscsi secondary second".split())
OUTSIDE, INSIDE = frozenset("wan public external".split()), frozenset("lan internal private".split())
# A line that speaks of what the one before it names.
IT = re.compile(
    r"(?i)\W*(?:it|its|this|that|these|they|the (?:address|ip|port|version|new one|old one)|er|sie|es|dieser?|diese)\b"
)
PENDING = re.compile(r"(?i)\b(?:pending|todo|to do|next steps|open (?:items|tasks|points)|offen\w*)\b")
