"""What a synthesizer makes up is caught, and Patterns and History outlive every draft. Pure functions over texts."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claudetools.text import sidecar
from claudetools.wiki import draft, facts, outline, rendered, sources, subjects
from claudetools.wiki.verify import Evidence, Refused, Verdict, verify

LOG = """---
user: mike
---
## Session Summary
Replaced the firewall of Acme. New address 203.0.113.7, admin UI on port 8443, host fw1.acme.example.
The certificate of vpn.acme.example expires on June 5, 2027. It cost $1,200.00.
VPN drops every night: fixed by the new firmware, no longer seen.
## Credentials & Secrets
admin: hunter2 on 198.51.100.99
## Infrastructure & Servers
Config in /etc/strongswan/ipsec.conf, login in the vault at acme/vpn-admin
"""
ARTICLE = """# Acme

## Overview
Contact: Zoe. Firewall 203.0.113.1.

## Patterns
- VPN drops every night on the old firmware
- Printers need a restart on Mondays

## History
- 2026-01-10: onboarding
- 2026-03-02: moved to the new office
"""


def log(text: str = LOG, path: str = "clients/acme/session-logs/2026-06-05-mike-fw.md") -> sources.Source:
    return sources.Source("S1", path, "0" * 64, tuple(sources.shown_lines(text)))


def check(text: str, **more: object) -> Verdict:
    given_: dict[str, object] = {"previous": ARTICLE, "sources": [log()], **more}
    return verify(draft.tidy(text), Evidence(**given_))  # type: ignore[arg-type]


def kept(text: str) -> list[str]:
    lines = outline.split_lines(text)
    return ["".join(lines[s.start : s.end]).rstrip("\n") for s in outline.kept_sections(lines)]


DRAFT = ARTICLE.replace("Firewall 203.0.113.1.", "Firewall fw1.acme.example at 203.0.113.7:8443. [S1:5]")


def test_what_a_log_says_may_stand() -> None:
    verdict = check(DRAFT)
    assert not verdict.replaced and not verdict.undone
    assert "Firewall fw1.acme.example at 203.0.113.7:8443.\n" in verdict.body
    assert kept(verdict.body) == kept(ARTICLE)
    assert verdict.gone == ["203.0.113.1"]
    assert [(c.text, c.cites[0].first) for c in verdict.claims] == [
        ("Contact: Zoe. Firewall fw1.acme.example at 203.0.113.7:8443.", 5)
    ]


INVENTED = [
    ("ip", "Backup at 203.0.113.9.", "203.0.113.9"),
    ("ip of the credentials section", "Second host 198.51.100.99.", "198.51.100.99"),
    ("network", "Network 203.0.113.7/24.", "203.0.113.7/24"),
    ("ip6", "Also 2001:db8::77.", "2001:db8::77"),
    ("host name", "Mail runs on mx2.acme.example.", "mx2.acme.example"),
    ("short host name", "The controller is ACME-DC02.", "ACME-DC02"),
    ("one-word host name", "The controller is `atlas`.", "atlas"),
    ("port", "The UI listens on port 9443.", "9443"),
    ("port behind an address", "The UI is at 203.0.113.7:9443.", "9443"),
    ("path", "Settings in /etc/strongswan/swanctl.conf", "/etc/strongswan/swanctl.conf"),
    ("Windows path", r"Share \\ACME-FS\daten is full", r"\\ACME-FS\daten"),
    ("vault path", "Password in the vault at acme/root-login", "acme/root-login"),
    ("amount", "The contract costs $4,200 a year.", "$4,200"),
    ("euros", "The contract costs 4.200,00 € a year.", "€"),
    ("hours", "12 hours were spent.", "12 hours"),
    ("date", "The certificate expires on 2027-08-05.", "2027-08-05"),
    ("date in words", "The certificate expires on August 5, 2027.", "August 5, 2027"),
    ("URL", "See https://portal.acme.example/login", "https://portal.acme.example/login"),
    ("ticket", "Ticket 48213 is open.", "48213"),
    ("full-width digits", "Backup at \uff12\uff10\uff13.0.113.9.", "113.9"),
    ("in a fence", "```\nping 203.0.113.9\n```", "203.0.113.9"),
    ("in a link", "[fw](https://203.0.113.9/)", "203.0.113.9"),
    ("with a citation that lies", "Backup at 203.0.113.9. [S1:5]", "203.0.113.9"),
]


@pytest.mark.parametrize(("what", "line", "lie"), INVENTED, ids=[name for name, *_ in INVENTED])
def test_what_no_source_says_becomes_verify(what: str, line: str, lie: str) -> None:
    verdict = check(DRAFT.replace("## Patterns", f"{line}\n\n## Patterns"))
    assert verdict.replaced and "(verify)" in verdict.body
    assert lie not in verdict.body
    assert kept(verdict.body) == kept(ARTICLE)


TRUE = [
    "Firewall since 06/05/2027.",
    "Expires 5 June 2027, in June 2027.",
    "The price was $1200 (USD 1,200).",
    "See `ipsec.conf` in /etc/strongswan",
    "Login: vault acme/vpn-admin",
    "Domain acme.example, UI https on 8443/tcp",
    "Now and/or later, TCP/IP, IPv4, phase-2, AES-256, Windows Server 2022.",
    "Log: clients/acme/session-logs/2026-06-05-mike-fw.md",
]


@pytest.mark.parametrize("line", TRUE)
def test_another_way_to_say_the_same_may_stand(line: str) -> None:
    assert check(DRAFT.replace("## Patterns", f"{line}\n\n## Patterns")).replaced == []


def test_a_vault_path_has_to_be_in_the_vault() -> None:
    text = DRAFT.replace("## Patterns", "Login: vault acme/vpn-admin\n\n## Patterns")
    assert check(text, in_vault=lambda path: path == "acme/vpn-admin").replaced == []
    assert check(text, in_vault=lambda path: False).replaced == ["acme/vpn-admin"]


SPOILED = [
    ("changed", lambda t: t.replace("VPN drops every night", "VPN drops every week"), "Patterns was changed"),
    ("an item is dropped", lambda t: t.replace("- 2026-01-10: onboarding\n", ""), "History was changed"),
    ("a section is dropped", lambda t: t[: t.index("## History")], "History was left out"),
    ("both are dropped", lambda t: t[: t.index("## Patterns")], "Patterns was left out"),
    ("reordered", lambda t: t.replace("- VPN", "- X").replace("- Printers", "- VPN"), "Patterns was changed"),
    ("an item without a source", lambda t: t + "- 2026-06-05: new firewall\n", "History was changed"),
    ("a wrong citation", lambda t: t + "- 2026-06-05: new firewall [S1:400] [S7:1]\n", "History was changed"),
    ("cites what is hidden", lambda t: t + "- the admin is admin [S1:9]\n", "History was changed"),
    ("emptied", lambda t: re.sub(r"(?m)^- .*\n", "", t), "Patterns was changed"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "spoil", "said"), SPOILED, ids=[name for name, *_ in SPOILED])
def test_patterns_and_history_are_put_back(what: str, spoil: object, said: str) -> None:
    verdict = check(spoil(DRAFT))  # type: ignore[operator]
    assert kept(verdict.body) == kept(ARTICLE)
    assert any(said in words for words in verdict.undone), verdict.undone


def test_a_cited_item_is_added_below_the_old_ones() -> None:
    verdict = check(DRAFT + "- 2026-06-05: new firewall 203.0.113.7, was 203.0.113.66 [S1:5]\n")
    assert kept(verdict.body)[1] == kept(ARTICLE)[1] + "\n- 2026-06-05: new firewall 203.0.113.7, was (verify)"
    assert verdict.undone == []


def test_an_item_that_a_log_calls_resolved_is_marked_and_nothing_else_is() -> None:
    text = DRAFT.replace("on the old firmware", "on the old firmware [resolved S1:7]")
    verdict = check(text)
    assert "- VPN drops every night on the old firmware (resolved 2026-06-05)\n" in verdict.body
    assert verdict.body.count("resolved") == 1 and verdict.undone == []
    again = check(text, previous=verdict.body)
    assert again.body.count("(resolved") == 1
    for lie in ("[resolved S1:5]", "[resolved S1:9]", "[resolved S3:7]"):
        verdict = check(DRAFT.replace("on the old firmware", f"on the old firmware {lie}"))
        assert kept(verdict.body) == kept(ARTICLE) and verdict.undone


@pytest.mark.parametrize("said", ["is not fixed", "could not be solved", "still to be replaced"])
def test_what_a_log_calls_open_is_not_resolved(said: str) -> None:
    text = DRAFT.replace("on the old firmware", "on the old firmware [resolved S1:1]")
    verdict = check(text, sources=[log(f"The VPN that drops every night {said}.\n")])
    assert kept(verdict.body) == kept(ARTICLE)


@pytest.mark.parametrize("trick", ["```", "<!--", "    ", "> ", "<pre>"])
def test_markdown_that_swallows_a_section_is_refused_or_harmless(trick: str) -> None:
    for text in (DRAFT.replace("## Patterns", f"{trick}\n## Patterns"), f"{DRAFT[: DRAFT.index('## Pat')]}{trick}\n"):
        try:
            assert kept(check(text).body) == kept(ARTICLE)
        except Refused as error:
            assert "swallows" in str(error)


def test_billing_is_only_what_syncro_says() -> None:
    text = DRAFT.replace("## Patterns", "Prepaid hours: 20. 3 open tickets.\n\n## Patterns")
    assert "Prepaid hours: (verify). (verify) open tickets." in check(text).body
    told = check(text, billing={"prepaid_hours": 20.0, "open_tickets": 4.0}).body
    assert "Prepaid hours: 20. (verify) open tickets." in told
    lying = log("Prepaid hours: 20. 3 open tickets.")
    assert "Prepaid hours: (verify). (verify) open tickets." in check(text, sources=[lying]).body


def test_most_of_an_article_cannot_vanish() -> None:
    long = ARTICLE.replace(
        "## Patterns", "\n".join(f"Fact {n} about Acme" for n in "abcdefghijklmnop") + "\n## Patterns"
    )
    with pytest.raises(Refused, match="lines where the article has"):
        check("# Acme\n\nAll is well.\nReally.", previous=long)


@pytest.mark.parametrize(
    "answer", [b"", b"  \n", b"[]", b"3", b"null", b'{"article": 3}', b"no heading", b"\xff\xfe\0"]
)
def test_garbage_is_no_draft(answer: bytes) -> None:
    with pytest.raises(Refused):
        draft.parse_answer(answer)


def test_an_answer_may_be_wrapped_in_three_ways() -> None:
    text = "# Acme\n\nOne.\nTwo.\n"
    for answer in (
        '{"title": "Acme", "article": "# Acme\\n\\nOne.\\nTwo.\\n"}',
        '{"is_error":false,"structured_output":{"article":"---\\na: 1\\n---\\n# Acme\\n\\nOne.\\nTwo."}}',
        '{"is_error":false,"result":"```markdown\\n# Acme\\n\\nOne.\\nTwo.\\n```"}',
        text,
    ):
        assert draft.parse_answer(answer.encode())[1] == text
    with pytest.raises(Refused, match="overloaded"):
        draft.parse_answer(
            b'{"type":"result","subtype":"success","is_error":true,"result":"API Error: 529 overloaded"}'
        )


SECRET_LOGS = [
    "## Credentials & Secrets\nadmin hunter2\n",
    "## Credentials\n```\n# hunter2\n## hunter2\n```\nhunter2\n### more\nhunter2\n",
    "```\nopen fence\n## Credentials\nhunter2\n",
    "## New credentials\nhunter2\n---\nhunter2\n",
    "**Credentials:**\n- admin hunter2\n",
    "Credentials\n-----------\nhunter2\n",
    "### Passwords\nhunter2\n",
    "The password: hunter2 was set, API key = `hunter2`.\n",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n",
]


@pytest.mark.parametrize("text", SECRET_LOGS)
def test_no_secret_reaches_a_synthesizer_and_what_follows_does(text: str) -> None:
    lines = sources.shown_lines(f"## Session Summary\nbefore\n{text}## Infrastructure & Servers\nafter\n")
    assert "hunter2" not in repr(lines)
    assert lines[1] == "before"
    assert text.startswith("```") or lines[-1] == "after"


def test_a_heading_that_tells_of_a_password_hides_nothing() -> None:
    text = "## Update: 14:00 PT - reset the API keys\ndone\n# Password reset for Zoe\ndone\n"
    assert None not in sources.shown_lines(text)


WORDS = st.sampled_from(
    ["VPN", "drops", "10.0.0.9", "$5", "```", "## Patterns", "## History", "# Acme", "- a", "<!--", ""]
)
TEXTS = st.lists(st.lists(WORDS, max_size=4).map(" ".join), min_size=1, max_size=12).map("\n".join)


@settings(max_examples=300)
@given(TEXTS, TEXTS)
def test_no_draft_whatever_it_is_changes_patterns_or_history(previous: str, text: str) -> None:
    try:
        verdict = check("# Acme\n\nOne.\nTwo.\n" + text, previous=previous + "\n", sources=[])
    except Refused:
        return
    was, now = kept(previous + "\n"), kept(verdict.body)
    for section in was:
        assert any(other == section or other.startswith(section + "\n") for other in now), (was, now)


@settings(max_examples=300)
@given(st.text(alphabet="0123456789abAB:./-,\\ $portvlan#`", max_size=60) | st.text(max_size=80))
def test_facts_lie_where_they_say_and_none_in_another(line: str) -> None:
    found = facts.find(line)
    for fact in found:
        assert fact.forms and line[fact.start : fact.end] == fact.text
    assert all(one.end <= two.start for one, two in pairwise(found))
    for fact in found:
        subjects.owners(line, fact, frozenset())
        subjects.role(line, fact)


PIECES = st.sampled_from(
    ["10.0.0.", "9", "**", "_", "`", "\\.", "&#46;", "<b>", "</b>", "<!--", "-->", "\u00ad", "[.]", "\n", "\n\n", "| ",
     "- ", "# ", "[a](", ")", "> ", "```\n", "<div>\n", "    ", "|---|\n", "![x](y)", "[r]: z", "\ufeff", "\u0664", " "]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_each_character_that_is_read_has_its_place_in_the_source(source: str) -> None:
    for shown in rendered.render(source):
        assert len(shown.text) == len(shown.starts) == len(shown.ends)
        for start, end in zip(shown.starts, shown.ends, strict=True):
            assert (start, end) == (-1, -1) or 0 <= start <= end <= len(source)
        assert 1 <= shown.first <= shown.last <= source.count("\n") + 1


OCTET = st.integers(0, 255)


@given(
    OCTET,
    OCTET,
    st.sampled_from(["{}", "at {},", "({})", "`{}`", "**{}**", "ip={}", "[{}](x)", "fw-{}-x", "{}/24", "{}."]),
)
def test_an_address_is_found_wherever_it_stands(third: int, fourth: int, around: str) -> None:
    address = f"203.0.{third}.{fourth}"
    text = DRAFT.replace("## Patterns", around.format(address) + "\n\n## Patterns")
    known = (address == "203.0.113.7" and "/24" not in around) or (address == "203.0.113.1" and "/24" not in around)
    assert (address in check(text).body.partition("## Patterns")[0]) == known


@given(st.dictionaries(st.text(), st.text()), st.lists(st.tuples(st.text(), st.integers(), st.text())))
def test_a_sidecar_is_read_as_it_was_written(read: dict[str, str], raw: list[tuple[str, int, str]]) -> None:
    claims = [sidecar.Claim(text, (sidecar.Cite(text, n, n, says),)) for text, n, says in raw]
    found = sidecar.parse(sidecar.write("a", sidecar.Sidecar(read, claims)))
    assert (dict(found.read), list(found.claims)) == (read, claims)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_a_broken_sidecar_says_nothing(found: object) -> None:
    assert sidecar.parse(json.dumps({"version": 1, "read": found, "claims": found})).claims in ((), [])


@pytest.mark.parametrize(
    "piece", ["1", "10.0.0.5 ", "a-", "port vlan ", "not from moved ", "C:\\a ", "`a", "<a ", "&#46;"]
)
def test_a_line_without_end_is_looked_at_piece_by_piece(piece: str) -> None:
    shown = rendered.render(piece * (9000 // len(piece)))
    assert max(len(one.text) for one in shown) <= rendered.LONGEST
    assert sum(len(one.text) for one in shown) >= 1400
