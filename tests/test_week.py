"""A week of two colleagues: three machines, four sessions a day, notes that are corrected, changed, answered, done."""

from __future__ import annotations

import json
import re

from agents import Agent
from commands import run_tools
from world import Machine, Result, World

NOON = 1780686131  # Friday 2026-06-05, 12:02:11 in Los Angeles
DAY = 86400
SHARED = "clients/acme/about.md"
# On desk and laptop Mike begins a log of one name each day.
SCOPES = (("--client", "acme"), (), (), ("--client", "acme"))


class Week:
    """The machines, and what each session was shown."""

    def __init__(self, world: World) -> None:
        self.desk, self.office = world.machine("DESK", "mike"), world.machine("OFFICE", "howard")
        self.laptop = world.machine("LAPTOP", "mike")
        self.machines = (self.desk, self.laptop, self.office)
        for machine in self.machines:
            machine.extra_env["CLAUDETOOLS_HOSTNAME"] = machine.name
        self.logs: list[str] = []

    def session(self, machine: Machine, day: int, number: int, note: str = "") -> str:
        """One session from its start to its end: a log, a line in a file that all share, a save. What it was shown."""
        agent = Agent(machine, f"{machine.name}-{day}-{number}")
        env = {"CLAUDETOOLS_SESSION_ID": agent.id, "CLAUDETOOLS_NOW": str(NOON + day * DAY)}
        made = run_tools(machine, "log", "new", f"day {day}", *SCOPES[number], env=env)
        assert made.code == 0, made.text
        path = made.out.strip()
        text = re.sub(r"(?m)^(## [^U].*)$", rf"\1\n\nDone by {agent.id}.", machine.read(path))
        agent.write(path, f"{text}{note and chr(10) + note}".encode())
        agent.append(SHARED, f"{agent.id} was here")
        result = agent.sync("-m", f"acme: {agent.id}")
        assert result.code == 0, result.text
        self.logs.append(self.place_of(machine, agent.id))
        agent.end()
        return result.out

    def place_of(self, machine: Machine, id: str) -> str:
        """Where the log is after the sync: two machines may have begun one of the same name."""
        return machine.git("grep", "-l", f"^session: {id}$", "HEAD", "--", "*session-logs/*").partition(":")[2]


def correct(machine: Machine, path: str, old: str, new: str) -> Result:
    """A person corrects a log by hand, and saves without a session."""
    text = machine.read(path)
    assert old in text
    machine.write(path, text.replace(old, new))
    result = machine.sync()
    assert result.code == 0, result.text
    return result


def listed(machine: Machine, *args: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run_tools(machine, "notes", *args, "--json").out)
    return found


def command(machine: Machine, *args: str) -> str:
    result = run_tools(machine, *args)
    assert result.code == 0, result.text
    return result.out


def test_a_week_of_two_colleagues(world: World) -> None:
    week = Week(world)
    desk, laptop, office = week.desk, week.laptop, week.office

    # Friday: Howard mistypes the name, and hears it at once.
    week.session(desk, 0, 0)
    told = week.session(office, 0, 3, "## Note for mkie\n\nRenew the certificate of acme.\n")
    assert "a note for 'mkie', but users.json knows howard, mike and all; mike is nearest." in told
    typo = week.logs[-1]
    assert "MESSAGE FROM" not in week.session(laptop, 0, 2) + week.session(desk, 0, 1)

    # Saturday: he corrects it; it arrives once at each place until it is done.
    correct(office, typo, "## Note for mkie", "## Note for mike")
    first = week.session(desk, 1, 0)
    assert first.count("MESSAGE FROM Howard Lee") == 1 and "| Renew the certificate of acme." in first
    command(desk, "notes", "ack", str(listed(desk)[0]["id"]))
    assert "MESSAGE FROM" not in week.session(desk, 1, 1), "and with this save everybody knows that it is done"
    assert "MESSAGE FROM" not in week.session(laptop, 1, 2) and listed(laptop) == []
    week.session(office, 1, 3, "## Note for all\n\nIs the gateway 203.0.113.7?\n")
    question = week.logs[-1]

    # Sunday: he changes the question after Mike has seen it, and Mike is shown the new wording.
    assert "203.0.113.7" in week.session(desk, 2, 0)
    correct(office, question, "203.0.113.7?", "203.0.113.9, as on the invoice?")
    changed = week.session(desk, 2, 1)
    assert "Changed by its author" in changed and "203.0.113.9" in changed and len(listed(desk)) == 1
    week.session(laptop, 2, 2)
    week.session(office, 2, 3)

    # Monday: he is answered, and it is done.
    id = str(listed(desk)[0]["id"])
    assert "[OK] Written for Howard Lee" in command(desk, "notes", "reply", id, "Yes, since", "May.")
    command(desk, "notes", "ack", id)
    week.session(desk, 3, 0)
    answered = week.session(office, 3, 3)
    assert answered.count("MESSAGE FROM Mike Swanson") == 1 and "| Yes, since May." in answered
    command(office, "notes", "ack", str(listed(office)[0]["id"]))
    assert "MESSAGE FROM" not in week.session(laptop, 3, 2) + week.session(desk, 3, 1)

    # Tuesday: nothing is open anywhere, for nobody.
    for machine, number in ((desk, 0), (desk, 1), (laptop, 2), (office, 3)):
        assert "MESSAGE FROM" not in week.session(machine, 4, number)
    for machine in week.machines:
        assert machine.sync().code == 0
        assert listed(machine) == []
        assert command(machine, "log", "missing").startswith("[OK] ")
        assert [note["open"] for note in listed(machine, "sent")] == [[]] * (2 if machine is office else 1)

    # Each of the twenty logs is there whole, under its author's name; every line of the shared file too.
    assert len(set(week.logs)) == len(week.logs) == 20
    trees = {machine.git("rev-parse", "HEAD^{tree}") for machine in week.machines}
    assert len(trees) == 1 and world.remote_git("rev-parse", "main^{tree}").strip() in trees
    shared = world.remote_file(SHARED).split("\n")
    for path in week.logs:
        text = desk.read(path)
        (owner,) = re.findall(r"(?m)^session: (\S+)$", text)
        assert text.count(f"Done by {owner}.") == 9 and text.count("Done by ") == 9, path
        assert shared.count(f"{owner} was here") == 1
        assert ("howard" in path.rpartition("/")[2]) == owner.startswith("OFFICE")
        made = desk.git("log", "--diff-filter=A", "--format=%an", "--", path).split("\n")[-1]
        assert made == ("Howard Lee" if owner.startswith("OFFICE") else "Mike Swanson")
    howards = json.loads(command(desk, "log", "list", "--user", "howard", "--client", "acme", "--json"))
    assert {row["path"] for row in howards} == {path for path in week.logs if "-howard-" in path}
    world.assert_linear()
    for machine in week.machines:
        assert machine.status() == ""
        machine.assert_sound()
