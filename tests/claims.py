"""A corpus of claims with seeds: what the logs of an IT service company say, and drafts that say it, or something else.

`make(seed)` gives the logs of one client, true claims and false ones, each with its kind, and what a draft may call
itself. Values, names and wordings are drawn; the same seed gives the same corpus. `python tests/claims.py [SEEDS]` prints
how the prover does, by kind.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

CLIENTS = ("Nordwind", "Halden Dental", "Berg & Partner", "Kestrel Foods", "Osprey Legal", "Quill Books")
PEOPLE = ("Zoe", "Tom", "Ingrid", "Marek", "Priya", "Luca", "Hanna", "Oskar")
MONTHS = ("January February March April May June July August September October November December").split()
MONATE = ("Januar Februar März April Mai Juni Juli August September Oktober November Dezember").split()
GODS = ("ATLAS", "HERMES", "TITAN", "ORION", "VEGA", "RIGEL", "ZEUS", "JUNO", "APOLLO", "KRONOS")


@dataclass(frozen=True)
class Claim:
    """One line of a draft. `why`: the kind of falsehood, or of wording."""

    kind: str
    why: str
    text: str


@dataclass
class Corpus:
    """`logs`: path and text, oldest first; `others`: logs of other clients."""

    title: str
    logs: list[tuple[str, str]]
    true: list[Claim] = field(default_factory=list)
    false: list[Claim] = field(default_factory=list)


@dataclass
class Thing:
    """A value that logs tell. `say`: sentences of a log with {s} and {v}; `claim`: lines of an article with the same."""

    kind: str
    subject: str
    value: str
    other: str
    say: list[str]
    claim: list[str]
    alike: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    group: str = ""


class Maker:
    """Draws values."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.used: set[str] = set()
        self.title = self.random.choice(CLIENTS)
        self.code = self.title.split()[0].upper()[:4]

    def fresh(self, make: Callable[[], str]) -> str:
        """A value that nothing else has."""
        while True:
            value = make()
            if value not in self.used:
                self.used.add(value)
                return value

    def number(self, low: int, high: int) -> str:
        return self.fresh(lambda: str(self.random.randint(low, high)))

    def pick(self, items: Sequence[str]) -> str:
        return self.random.choice(list(items))

    def hex(self, count: int) -> str:
        return self.fresh(
            lambda: (
                "a" + "".join(self.random.choice("0123456789abcdef") for _ in range(count - 2)) + self.pick("123456789")
            )
        )

    def ip(self) -> str:
        return self.fresh(
            lambda: f"10.{self.random.randint(10, 90)}.{self.random.randint(1, 9)}.{self.random.randint(10, 250)}"
        )

    def host(self, role: str) -> str:
        return self.fresh(lambda: f"{self.code}-{role}{self.random.randint(1, 29):02}")

    def god(self) -> str:
        return self.fresh(lambda: self.random.choice(GODS))

    def guid(self) -> str:
        text = self.hex(32)
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def mac(self) -> str:
        return self.hex(12)

    def mac_in(self, digits: str, form: int) -> str:
        pairs = [digits[n : n + 2] for n in range(0, 12, 2)]
        return (
            ":".join(pairs), "-".join(pairs).upper(), ".".join(digits[n : n + 4] for n in (0, 4, 8)), f"MAC {digits}"
        )[form]  # fmt: skip

    def serial(self) -> str:
        ends = self.random.randint(10, 99), self.pick(("KX", "TQ", "ZB")), self.random.randint(100000, 999999)
        return self.fresh(lambda: f"{self.pick(('FGT', 'CN', 'SN', 'APC'))}{ends[0]}{ends[1]}{ends[2]}")

    def date(self) -> tuple[int, int, int]:
        return self.random.randint(2027, 2031), self.random.randint(1, 12), self.random.randint(13, 28)

    def date_in(self, date: tuple[int, int, int], form: int) -> str:
        y, m, d = date
        return (
            f"{y}-{m:02}-{d:02}", f"{MONTHS[m - 1]} {d}, {y}", f"{d}. {MONATE[m - 1]} {y}", f"{d:02}.{m:02}.{y}",
            f"{m:02}/{d:02}/{y}", f"{d} {MONTHS[m - 1]} {y}",
        )[form]  # fmt: skip

    def money_in(self, amount: int, form: int) -> str:
        """US: `$4,500.00`, `$4,500`, `4500 USD`, `$4.5k`; German: `4.500,00 €`, `EUR 4.500`, `4500 €`."""
        us, de = f"{amount:,}", f"{amount:,}".replace(",", ".")
        return (
            f"${us}.00", f"${us}", f"{amount} USD", f"${amount / 1000:g}k", f"{de},00 €", f"EUR {de}", f"{amount} €"
        )[form]  # fmt: skip


# fmt: off
def things(m: Maker) -> list[Thing]:
    """What is told, two and more of each kind."""
    r = m.random
    out: list[Thing] = []
    roles = ["DC", "FS", "EX", "NAS", "SQL", "RDS", "APP", "WEB"]
    r.shuffle(roles)
    hosts = [m.host(role) for role in roles]
    for host in hosts[:5]:
        out.append(Thing("address", host, m.ip(), m.ip(),
            ["{s} has {v}.", "The address of {s} is {v}.", "Rebuilt {s} and gave it {v}.", "{s}: {v}", "Set up {s} ({v}) in the rack."],
            ["{s} is at {v}.", "The address of {s} is {v}.", "{s}: {v}", "{s} ({v}) is in production.", "Address of {s}: `{v}`"],
            moved=["Moved {s} from {v} to {w}.", "{s} has {w} now, no longer {v}.", "Renumbered {s} to {w}.", "{s}: {v} -> {w}",
                   "Correction: {s} is at {w}, not {v}.", "The old address {v} of {s} was replaced by {w}."], group="ip"))
    uis = r.sample(["admin UI", "SSL VPN", "REST API", "monitoring agent", "backup console", "web mail"], 4)
    for ui in uis:
        out.append(Thing("port", ui, m.number(2001, 9999), m.number(2001, 9999),
            ["The {s} listens on port {v}.", "{s}: port {v}", "Opened port {v} for the {s}.", "The {s} is reachable on {v}/tcp."],
            ["The {s} listens on port {v}.", "{s}: port {v}.", "{s} on tcp/{v}.", "Port {v} belongs to the {s}."],
            moved=["Moved the {s} from port {v} to port {w}.", "The {s} listens on port {w} now.", "{s}: port {w} instead of {v}.",
                   "Port {v} of the {s} was closed; it is {w} now."], group="number"))
    for name in r.sample(["portal", "helpdesk", "intranet", "wiki", "shop"], 2):
        port, wrong = m.number(2001, 9999), m.number(2001, 9999)
        base = f"https://{name}.{m.code.lower()}.example"
        out.append(Thing("url", name, f"{base}:{port}/login", f"{base}:{wrong}/login",
            ["The {s} is at {v} for all staff.", "{s}: {v}"], ["{s}: {v}", "The {s} is reachable at <{v}>.", "See [the {s}]({v})."]))
    for net in r.sample(["guest", "printer", "camera", "phone"], 2):
        base = f"10.{m.number(91, 99)}.{r.randint(1, 9)}"
        x, y, z = r.randint(20, 60), r.randint(100, 150), r.randint(160, 220)
        out.append(Thing("range", f"{net} network", f"{base}.{x}-{base}.{y}", f"{base}.{x}-{base}.{z}",
            ["DHCP of the {s} gives {v}.", "DHCP range of the {s}: {v}"], ["DHCP range of the {s}: {v}.", "The {s} has the DHCP range {v}."],
            alike=[f"{base}.{x} - {base}.{y}", f"{base}.{x}\u2013{base}.{y}", f"{base}.{x}-{y}"]))
    for host in hosts[3:6]:
        digits, wrong = m.mac(), m.mac()
        out.append(Thing("mac", host, m.mac_in(digits, r.randrange(3)), m.mac_in(wrong, r.randrange(3)),
            ["The MAC of {s} is {v}.", "{s} has the MAC address {v}."], ["{s} has the MAC address {v}.", "MAC of {s}: {v}"],
            alike=[m.mac_in(digits, form) for form in range(4)], group="mac"))
    for host in hosts[:2]:
        a, b = m.hex(4), m.hex(4)
        out.append(Thing("ipv6", host, f"2001:db8:{a}::{b[1:]}", f"2001:db8:{a}::{m.hex(4)[1:]}",
            ["{s} has {v} as well.", "IPv6 of {s}: {v}"], ["{s} has the IPv6 address {v}.", "IPv6 of {s}: {v}"],
            alike=[f"2001:0db8:{a}:0:0:0:0:{b[1:]}", f"2001:DB8:{a}::{b[1:]}".replace(a, a.upper())], group="ip6"))
    for job in r.sample(["file shares", "mail archive", "time clock", "scan folders"], 2):
        out.append(Thing("host", job, m.host("SRV"), m.host("SRV"),
            ["The {s} lie on {v}.", "Moved the {s} to {v}."], ["The {s} lie on {v}.", "{v} holds the {s}."], group="host"))
    for job in r.sample(["virtual machines", "camera recordings", "build jobs"], 2):
        out.append(Thing("name", job, m.god(), m.god(),
            ["New server named {v}: the {s} run there.", "The {s} run on the host {v}."], ["The {s} run on {v}.", "{v} runs the {s}."], group="god"))
    for soft in r.sample(["FortiOS", "Veeam", "DSM", "ESXi", "Proxmox"], 3):
        out.append(Thing("version", soft, f"{r.randint(6, 9)}.{r.randint(1, 4)}.{m.number(10, 40)}", f"{r.randint(6, 9)}.{r.randint(5, 9)}.{m.number(41, 80)}",
            ["{s} runs version {v}.", "Installed {s} {v}.", "{s} {v} is on the appliance."], ["{s} is on version {v}.", "{s} {v}", "Version of {s}: v{v}"],
            moved=["Upgraded {s} from {v} to {w}.", "{s} is on version {w} now.", "Updated {s} to version {w}."], group="version"))
    for job in r.sample(["nightly backup", "virus scan", "directory sync", "replication"], 3):
        h, late = r.randint(1, 5), r.randint(6, 9)
        mi, mw = m.number(11, 29), m.number(31, 58)
        out.append(Thing("time", job, f"0{h}:{mi}", f"0{late}:{mw}",
            ["The {s} starts at {v}.", "{s}: {v}", "Set the {s} to {v}."], ["The {s} starts at {v}.", "{s}: daily at {v}"],
            alike=[f"{h}:{mi} am", f"{h}:{mi} AM", f"0{h}:{mi} Uhr"],
            moved=["Moved the {s} from {v} to {w}.", "The {s} starts at {w} now."], group="time"))
    for net in r.sample(["guest", "voice", "camera", "management", "production"], 4):
        out.append(Thing("vlan", net, m.number(100, 899), m.number(900, 999),
            ["The {s} VLAN is {v}.", "VLAN {v} is the {s} network.", "Put the {s} ports into VLAN {v}."],
            ["The {s} network is VLAN {v}.", "VLAN {v}: {s}", "The {s} VLAN has the ID {v}."],
            moved=["The {s} VLAN is {w} now.", "Moved the {s} network from VLAN {v} to VLAN {w}.", "{s} VLAN: {w}, was {v}."], group="number"))
    for what in r.sample(["Microsoft 365 tenant", "Azure subscription", "Intune app registration"], 2):
        out.append(Thing("guid", what, m.guid(), m.guid(), ["The ID of the {s} is {v}.", "{s}: {v}"],
            ["The {s} has the ID {v}.", "{s}: `{v}`"], group="guid"))
    for what in r.sample(["deploy script", "firewall template", "login page"], 2):
        full = m.hex(40)
        out.append(Thing("commit", what, full[:10], m.hex(10), ["The fix of the {s} is commit {v}.", "Pushed the {s} as {v}."],
            ["The {s} was fixed in commit {v}.", "{s}: commit `{v}`"], alike=[full[:7]], group="commit"))
    for what in r.sample(["firewall", "core switch", "UPS", "access point"], 3):
        out.append(Thing("serial", what, m.serial(), m.serial(),
            ["Serial number of the {s}: {v}.", "The {s} (S/N {v}) is under warranty.", "The {s} has the serial {v}."],
            ["The serial of the {s} is {v}.", "{s}: S/N {v}", "{s}, serial number {v}"],
            moved=["The {s} was replaced under RMA; the new serial is {w}."], group="serial"))
    for who in r.sample(PEOPLE, 3):
        a, b = m.number(1000, 9999), m.number(1000, 9999)
        out.append(Thing("phone", who, f"+49 30 55{a} {r.randint(10, 99)}", f"+49 30 55{b} {r.randint(10, 99)}",
            ["{s} is reached at {v}.", "Phone of {s}: {v}."], ["{s}: {v}", "Call {s} at {v}."],
            moved=["{s} has a new number: {w} instead of {v}."], group="phone"))
        out[-1].alike = ["0" + out[-1].value[4:], out[-1].value.replace(" 30 ", " (0)30 ")]
    for who in r.sample(PEOPLE, 2):
        out.append(Thing("extension", who, m.number(201, 499), m.number(500, 899), ["{s} has extension {v}.", "{s}: ext. {v}"],
            ["{s} has ext. {v}.", "Extension of {s}: {v}"], moved=["{s} moved from extension {v} to {w}."], group="number"))
    for what in r.sample(["printer jam", "VPN outage", "slow logons", "full mailbox", "lost phone"], 3):
        out.append(Thing("ticket", what, m.number(40000, 49999), m.number(50000, 59999), ["Ticket {v} is about the {s}.", "Opened #{v} for the {s}."],
            ["The {s} is ticket {v}.", "{s}: ticket #{v}"], group="number"))
    for what in r.sample(["Veeam job", "mail archive", "audit log", "camera recorder"], 3):
        days = r.choice([14, 21, 28, 35, 42, 49, 63])
        out.append(Thing("retention", what, f"{days} days", f"{days + r.choice([5, 9, 11])} days",
            ["The {s} keeps {v}.", "Retention of the {s}: {v}."], ["Retention of the {s} is {v}.", "The {s} keeps {v}."],
            alike=[f"{days} Tage", f"{days // 7} weeks"],
            moved=["Raised the retention of the {s} from {v} to {w}.", "The {s} keeps {w} now.", "Retention of the {s}: {w}, not {v} any more."], group="days"))
    for what in r.sample(["RDP policy", "print spooler", "update ring"], 2):
        key = m.pick(("Terminal Services", "Print", "WindowsUpdate"))
        out.append(Thing("registry", what, f"HKLM\\SOFTWARE\\Policies\\Microsoft\\{key}\\K{m.number(1000, 9999)}",
            f"HKLM\\SOFTWARE\\Policies\\Microsoft\\{key}\\K{m.number(1000, 9999)}",
            ["The {s} is set in {v}.", "{s}: `{v}`"], ["{s}: `{v}`", "The {s} is set in {v}."]))
        out[-1].alike = [out[-1].value.replace("HKLM", "HKEY_LOCAL_MACHINE")]
    for what in r.sample(["SQL dumps", "scan inbox", "ERP export", "roaming profiles"], 3):
        n, w = m.number(1000, 9999), m.number(1000, 9999)
        stem = r.choice(["D:\\Data\\Set{}", "E:\\Program Files\\Tool {}\\out", "/srv/data/set{}", "\\\\{h}\\share{}"]).replace("{h}", hosts[0])
        out.append(Thing("path", what, stem.replace("{}", n), stem.replace("{}", w),
            ["The {s} go to {v}.", "{s}: `{v}`"], ["The {s} go to `{v}`.", "{s}: {v}"],
            moved=["Moved the {s} from {v} to {w}.", "The {s} go to {w} now."]))
    for what in r.sample(["maintenance contract", "internet line", "antivirus licence", "backup storage"], 3):
        amount, more = r.randint(11, 49) * 100, r.randint(51, 95) * 100
        us = r.random() < 0.5
        forms = (0, 1, 2, 3) if us else (4, 5, 6)
        out.append(Thing("money", what, m.money_in(amount, r.choice(forms)), m.money_in(more, r.choice(forms)),
            ["The {s} costs {v} a year.", "{s}: {v} per year"], ["The {s} costs {v} a year.", "{s}: {v}"],
            alike=[m.money_in(amount, form) for form in forms],
            moved=["The {s} went from {v} to {w}.", "The {s} costs {w} now."], group="money" + str(us)))
    for what in r.sample(["fibre line", "DSL line", "branch line"], 2):
        rate, faster = r.choice([50, 100, 250, 300]), r.choice([400, 600, 700])
        out.append(Thing("unit", what, r.choice([f"{rate} Mbps", f"{rate} Mbit/s"]), f"{faster} Mbit/s",
            ["The {s} has {v} down.", "{s}: {v}"], ["The {s} has {v}.", "{s}: {v}"], alike=[f"{rate} Mbps", f"{rate} Mbit/s", f"{rate} Mb/s", f"{rate / 1000:g} Gbit/s"],
            moved=["The {s} was upgraded from {v} to {w}."], group="rate"))
    for what in r.sample(["backup volume", "mail store"], 2):
        size, larger = r.choice([1.5, 2.5, 3.5]), r.choice([4.5, 6.5])
        out.append(Thing("unit", what, f"{size} TB", f"{larger} TB", ["The {s} holds {v}."], ["The {s} holds {v}.", "Size of the {s}: {v}"],
            alike=[f"{size} TB".replace(".", ","), f"{size * 1000:g} GB"], group="size"))
    for what in r.sample(["web certificate", "domain registration", "firewall support", "leasing contract"], 3):
        date = m.date()
        later = (date[0], date[1] % 12 + 1, date[2])
        out.append(Thing("date", what, m.date_in(date, r.randrange(6)), m.date_in(later, r.randrange(6)),
            ["The {s} ends on {v}.", "{s}: valid until {v}"], ["The {s} ends on {v}.", "{s}: ends {v}"],
            alike=[m.date_in(date, form) for form in range(6)], moved=["Renewed the {s}; it ends on {w} now."], group="date"))
    for what in r.sample(["Microsoft 365", "antivirus", "CAD"], 2):
        out.append(Thing("count", f"{what} licences", f"{m.number(21, 60)} users", f"{m.number(61, 99)} users",
            ["The {s} cover {v}.", "{s}: {v}"], ["The {s} cover {v}.", "{s}: {v}"],
            moved=["The {s} cover {w} now.", "Raised the {s} from {v} to {w}."], group="users"))
    return out


# fmt: on


FILLER = (
    "Checked the event logs and found nothing of interest.", "Talked to the customer about the plan for autumn.",
    "Rebooted after the updates; all services came up.", "Cleaned the rack and labelled the cables.",
    "Documentation was brought up to date.", "Monitoring shows no alarms since.",
)  # fmt: skip
GENERAL = (
    "Backups are encrypted with AES-256 and tested each month.", "All servers run Windows Server 2022 Standard.",
    "Remote access uses IKEv2 with TLS 1.3 and two factors.", "Wi-Fi uses WPA3 and 802.1X.", "The disks are a RAID-6 of SSDs.",
    "Cabling is Cat6 throughout.", "Mail lies in Microsoft 365.", "Clients run Windows 11 Pro.", "Support is there 24/7.",
    "Passwords are hashed with SHA-256.",
)  # fmt: skip


def break_up(m: Maker, value: str) -> str:
    """A value as Markdown may hide it."""
    at = len(value) // 2
    a, b = value[:at], value[at:]
    ways = [
        f"{a}**{b}**", f"**{a}**{b}", f"{a}<b></b>{b}", f"{a}<!-- x -->{b}", f"{a}\u00ad{b}", f"{a}\u200b{b}", f"{a}\u2060{b}",
        f"{a}&#{ord(b[0])};{b[1:]}", f"{a}<!--\n-->{b}", f"{a}<span>{b}</span>", f"{a}&shy;{b}", f"{a}&#x{ord(b[0]):x};{b[1:]}",
    ]  # fmt: skip
    if "." in value:
        ways += [
            value.replace(".", "\\."),
            value.replace(".", "[.]"),
            value.replace(".", "\u2024"),
            value.replace(".", "\uff0e"),
            value.replace(".", "&period;"),
        ]
    if any(char.isdigit() for char in value):
        ways.append("".join(chr(0xFF10 + int(c)) if c.isdigit() else c for c in value))
        ways.append("".join(chr(0x1D7EC + int(c)) if c.isdigit() else c for c in value))
    if "-" in value:
        ways.append(value.replace("-", "\u2011"))
    if value[:1] in "ABCEHKMOPTX":
        ways.append("АВСЕНКМОРТХ"["ABCEHKMOPTX".index(value[0])] + value[1:])
    return m.pick(ways)


class Writer:
    """Puts sentences into logs, and remembers where they stand."""

    def __init__(self, m: Maker, count: int) -> None:
        self.m = m
        self.lines: list[list[str]] = [[] for _ in range(count)]
        self.tables: list[list[str]] = [[] for _ in range(count)]

    def add(self, log: int, sentence: str) -> tuple[int, int]:
        """Log and place of a sentence."""
        self.lines[log].append(sentence)
        return log, len(self.lines[log]) - 1

    def texts(self, slug: str, secret: list[str]) -> tuple[list[tuple[str, str]], dict[tuple[int, int], str]]:
        """The logs, and for each sentence its citation."""
        out, cites = [], {}
        for log, lines in enumerate(self.lines):
            who = self.m.pick(("mike", "howard"))
            text = ["---", f"date: 2026-0{log + 1}-11" if log < 9 else "date: 2026-10-11", f"user: {who}", "---", "## User",
                    f"- **User:** {who.title()} Swanson ({who})", f"- **Machine:** {who.upper()}-LAPTOP77", "## Session Summary"]  # fmt: skip
            half = len(lines) // 2
            for place, line in enumerate(lines):
                if place == half:
                    text += [
                        "",
                        "## Key Decisions",
                        self.m.pick(FILLER),
                        "## Credentials & Secrets",
                        *secret[log : log + 1],
                        "## Infrastructure & Servers",
                    ]
                bullet = "- " if place >= half or self.m.random.random() < 0.3 else ""
                if not bullet:
                    text.append("")
                cites[log, place] = f"S{log + 1}:{len(text) + 1}"
                text.append(bullet + line)
            text += ["", "## Pending / Incomplete Tasks", "None."]
            day = f"2026-{log + 1:02}-11"
            out.append((f"clients/{slug}/session-logs/{day}-{who}-visit.md", "\n".join(text) + "\n"))
        return out, cites


def make(seed: int) -> Corpus:
    """The corpus of a seed."""
    m = Maker(seed)
    r = m.random
    all_things = things(m)
    r.shuffle(all_things)
    count = 10
    writer = Writer(m, count)
    told: list[tuple[Thing, tuple[int, int], tuple[int, int] | None]] = []
    for number, thing in enumerate(all_things):
        moves = bool(thing.moved) and number % 2 == 0
        log = r.randrange(count // 2) if moves else r.randrange(count)
        place = writer.add(log, m.pick(thing.say).format(s=thing.subject, v=thing.value))
        if r.random() < 0.3:
            writer.add(log, m.pick(FILLER))
        later = None
        if moves:
            later = writer.add(
                r.randrange(count // 2, count),
                m.pick(thing.moved).format(s=thing.subject, v=thing.value, w=thing.other),
            )
        told.append((thing, place, later))
    secrets = [m.ip() for _ in range(count)]
    title_value = m.ip()
    logs, cites = writer.texts(m.code.lower(), [f"admin at {value} with a password" for value in secrets])
    corpus = Corpus(f"{m.title} {title_value}", logs)
    foreign = [m.ip() for _ in range(3)]
    by_group: dict[str, list[Thing]] = {}
    for thing, _, _ in told:
        by_group.setdefault(thing.group or thing.kind, []).append(thing)

    def say(thing: Thing, value: str, cite: str) -> str:
        text = m.pick(thing.claim).format(s=thing.subject, v=value)
        text = text.replace("`", "") if "*" in value or "<" in value or "&" in value else text
        return f"{text[:1].upper()}{text[1:]} [{cite}]" if r.random() < 0.85 else f"{text[:1].upper()}{text[1:]}"

    for thing, place, later in told:
        old, now = cites[place], cites[later] if later else ""
        if later:
            corpus.true.append(Claim(thing.kind, "newest", say(thing, thing.other, now)))
            corpus.false.append(Claim(thing.kind, "superseded", say(thing, thing.value, m.pick((old, old, now)))))
        else:
            corpus.true.append(Claim(thing.kind, "as it stands", say(thing, thing.value, old)))
            if thing.alike:
                corpus.true.append(Claim(thing.kind, "in other words", say(thing, m.pick(thing.alike), old)))
            corpus.false.append(Claim(thing.kind, "invented", say(thing, thing.other, old)))
        rivals = [
            one
            for one in by_group[thing.group or thing.kind]
            if one.kind == thing.kind and one.subject != thing.subject
        ]
        current = thing.other if later else thing.value
        rival, at, changed = pick_told(r, told, rivals) if rivals else (thing, place, later)
        if number_of(rival.other if changed else rival.value) != number_of(current):
            corpus.false.append(
                Claim(
                    thing.kind,
                    "wrong subject",
                    say(thing, rival.other if changed else rival.value, cites[changed or at]),
                )
            )
        kinds = [one for one in by_group.get("number", []) if one.kind != thing.kind] if thing.group == "number" else []
        if kinds and r.random() < 0.7:
            rival, at, changed = pick_told(r, told, kinds)
            corpus.false.append(
                Claim(
                    thing.kind,
                    "number of another kind",
                    say(thing, rival.other if changed else rival.value, cites[changed or at]),
                )
            )
        if not later and r.random() < 0.35:
            corpus.false.append(Claim(thing.kind, "broken up", say(thing, break_up(m, thing.other), old)))
        if r.random() < 0.1:
            corpus.true.append(Claim(thing.kind, "in bold", say(thing, f"**{current}**", now or old)))
    any_host = [thing for thing, _, _ in told if thing.kind == "address"]
    for value in (title_value, secrets[2], secrets[7], *foreign[:2]):
        why = (
            "only in the title"
            if value == title_value
            else "only in credentials"
            if value in secrets
            else "of another client"
        )
        thing = r.choice(any_host)
        at = next(place for one, place, _ in told if one is thing)
        corpus.false.append(Claim("address", why, say(thing, value, cites[at])))
    corpus.false.append(
        Claim("host", "only in the User block", f"The jump host is {m.pick(('MIKE', 'HOWARD'))}-LAPTOP77. [S3:7]")
    )
    corpus.false.append(Claim("host", "only in the User block", "The jump host is MIKE-LAPTOP77."))
    for text in r.sample(GENERAL, 6):
        corpus.true.append(Claim("general word", "no fact", text))
    return corpus


def number_of(value: str) -> str:
    """By which two values are the same, however they are written."""
    return re.sub(r"\D", "", value) if re.search(r"Mb|TB|days|users", value) else value


Told = tuple[Thing, tuple[int, int], "tuple[int, int] | None"]


def pick_told(r: random.Random, told: list[Told], among: list[Thing]) -> Told:
    """One of some things, with where it is told."""
    chosen = r.choice(among)
    return next(one for one in told if one[0] is chosen)


@dataclass
class Result:
    """How the prover did: claims and mistakes by (kind) and by (why)."""

    false: Counter[str] = field(default_factory=Counter)
    proved: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)
    doubted: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)


def measure(seed: int, result: Result) -> None:
    """Give the corpus to the prover: all its claims in one draft, in an order that is drawn."""
    from claudetools.wiki import draft, sources
    from claudetools.wiki.verify import MARK, Evidence, verify

    corpus = make(seed)
    order = [*((claim, False) for claim in corpus.false), *((claim, True) for claim in corpus.true)]
    random.Random(seed).shuffle(order)
    text = f"# {corpus.title}\n\n## Overview\n\n" + "\n\n".join(claim.text for claim, _ in order)
    logs = [
        sources.Source(f"S{n}", path, "0", tuple(sources.shown_lines(log)))
        for n, (path, log) in enumerate(corpus.logs, 1)
    ]
    verdict = verify(draft.tidy(text), Evidence("", logs, names=("x",)))
    parts = verdict.body.rstrip("\n").split("\n\n")[2:]
    for part, (claim, is_true) in zip(parts, order, strict=True):
        stands = MARK not in part
        for key in (f"{claim.kind:14}", f"    {claim.why}"):
            (result.true if is_true else result.false)[key] += 1
            if is_true and not stands:
                result.doubted[key] += 1
            if not is_true and stands:
                result.proved[key] += 1
        if is_true != stands:
            text = draft.read_line(claim.text).text.replace("*", "")
            why = [one.why for one in verdict.rejected if one.text in part and one.value in text]
            said = [line_of(corpus, cite) for cite in re.findall(r"S\d+:\d+", " ".join([*why[:1], claim.text]))]
            words = "DOUBTED" if is_true else "PROVED"
            result.shown.append(f"seed {seed} {words} {claim.kind}/{claim.why}: {claim.text!r} {why[:1]} {said}")


def line_of(corpus: Corpus, cite: str) -> str:
    """What stands at `S3:14`."""
    log, _, line = cite[1:].partition(":")
    return corpus.logs[int(log) - 1][1].split("\n")[int(line) - 1]


def table(result: Result) -> str:
    """The figures as text."""
    rows = [f"{'kind':26} {'false':>6} {'proved':>7} {'true':>6} {'doubted':>8}"]
    keys = sorted({**result.false, **result.true}, key=lambda key: (key[0] == " ", key))
    for key in keys:
        counts = (result.false[key], result.proved[key], result.true[key], result.doubted[key])
        rows.append(f"{key:26} {counts[0]:6} {counts[1]:7} {counts[2]:6} {counts[3]:8}")
    f, p, t, d = totals(result)
    return "\n".join([*rows, f"{'all':26} {f:6} {p:7} {t:6} {d:8}   {p / f:.1%} proved, {d / t:.1%} doubted"])


def totals(result: Result) -> tuple[int, int, int, int]:
    """False claims, those proved, true claims, those doubted."""
    counters = (result.false, result.proved, result.true, result.doubted)
    f, p, t, d = (sum(count for key, count in counter.items() if key[0] != " ") for counter in counters)
    return f, p, t, d


if __name__ == "__main__":
    found = Result()
    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
        measure(number, found)
    print("\n".join(found.shown[: int(sys.argv[2]) if len(sys.argv) > 2 else 40]))
    print(table(found))
