"""What Syncro (tickets and billing of an MSP) says of one client: open tickets, hours of this month, prepaid hours.

Read only. The token goes into one header and nowhere else: no message of ours holds it, or anything that the server or
the HTTP library said. Every answer is looked at before it is believed: a login page may arrive with status 200.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from claudetools.core.messages import visible

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

SECONDS = 40.0  # for all requests together
TRIES = 4
MOST_PAGES = 200
LARGEST = 4 * 1024 * 1024  # bytes of one answer
LARGEST_NUMBER = 10**15
LOCAL = ("127.0.0.1", "::1", "localhost")


class SyncroFailed(Exception):
    """Syncro has not told, with the reason in words."""


class Again(SyncroFailed):
    """It may tell when asked once more. `after`: how many seconds it wants to be left alone, None: it did not say."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


@dataclass(frozen=True)
class Figures:
    """Of one customer. Hours are hours; prepaid None: Syncro did not tell."""

    customer_id: int
    open_tickets: int
    hours_this_month: float
    prepaid_hours: float | None


class Syncro:
    """A connection. `url` as in https://acme.syncromsp.com (with or without /api/v1). Raises SyncroFailed."""

    def __init__(self, url: str, token: str, seconds: float = SECONDS) -> None:
        import httpx

        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL):
            raise SyncroFailed(f"{visible(url)!r} is no https address")
        if parts.username or parts.query or not parts.hostname:
            raise SyncroFailed("its address holds more than a host; expected https://NAME.syncromsp.com")
        if not re.fullmatch(r"[\x21-\x7e]{1,1000}", token):
            raise SyncroFailed("its token is empty or holds spaces or characters that no token has")
        self.end = time.monotonic() + seconds
        base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/api/v1')}/api/v1"
        self.client = httpx.Client(
            base_url=base,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json", "User-Agent": "claudetools"},
            timeout=httpx.Timeout(10, connect=5),
            follow_redirects=False,  # a redirect leads to a login page, or takes the token elsewhere
        )

    def __enter__(self) -> Syncro:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    @property
    def left(self) -> float:
        """Seconds until the answer has to be there."""
        return self.end - time.monotonic()

    def get(self, path: str, **params: str | int) -> dict[str, Any]:
        """One object, asked for again while that may help."""
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

        def gives_up(state: RetryCallState) -> bool:
            return self.left <= wait(state)

        for attempt in Retrying(
            retry=retry_if_exception_type(Again),
            stop=lambda state: stop_after_attempt(TRIES)(state) or gives_up(state),
            wait=wait,
            reraise=True,
        ):
            with attempt:
                return self._get_once(path, params)
        raise SyncroFailed("it was not asked")

    def _get_once(self, path: str, params: Mapping[str, str | int]) -> dict[str, Any]:
        import httpx

        if self.left <= 0:
            raise SyncroFailed("it did not answer in time")
        try:
            with self.client.stream("GET", path, params=dict(params)) as response:
                refuse(response)
                return parse(self._read(response))
        except httpx.TimeoutException as error:
            raise Again("it did not answer in time") from error
        except httpx.TransportError as error:
            raise Again("it cannot be reached") from error
        except httpx.HTTPError as error:
            raise SyncroFailed("its answer cannot be read") from error

    def _read(self, response: httpx.Response) -> bytes:
        """The body: a host that sends a byte now and then is as good as dead."""
        data = bytearray()
        for piece in response.iter_bytes():
            data += piece
            if len(data) > LARGEST:
                raise SyncroFailed(f"its answer has more than {LARGEST >> 20} MB")
            if self.left <= 0:
                raise SyncroFailed("it did not answer in time")
        return bytes(data)

    def rows(self, path: str, key: str, **params: str | int) -> Iterator[dict[str, Any]]:
        """The rows of all pages, each with its id. Raises SyncroFailed for pages and rows that cannot be understood."""
        seen: set[int] = set()
        for page in range(1, MOST_PAGES + 1):
            answer = self.get(path, page=page, **params)
            found = answer.get(key)
            if not isinstance(found, list):
                raise SyncroFailed(f"its answer to {path} has no list {key!r}")
            if not all(isinstance(row, dict) and whole(row.get("id")) is not None for row in found):
                raise SyncroFailed(f"its answer to {path} has rows without a number `id`")
            new = [row for row in found if whole(row["id"]) not in seen]
            seen |= {int(row["id"]) for row in new}
            yield from new
            meta = answer.get("meta")
            pages = whole(meta.get("total_pages")) if isinstance(meta, dict) else None
            if pages is None:
                raise SyncroFailed(f"its answer to {path} does not say how many pages there are")
            if page >= pages:
                return
            if not new:
                raise SyncroFailed(f"page {page} of {pages} of {path} brings nothing new")
        raise SyncroFailed(f"{path} has more than {MOST_PAGES} pages")


def wait(state: RetryCallState) -> float:
    """As long as it asked for, else longer each time, never all callers at once."""
    from tenacity import wait_random_exponential

    error = state.outcome.exception() if state.outcome else None
    after = error.after if isinstance(error, Again) else None
    return after if after is not None else wait_random_exponential(multiplier=0.25, max=8)(state)


def refuse(response: httpx.Response) -> None:
    """Raises SyncroFailed for every status but 200; Again where another try may help."""
    status = response.status_code
    if status == 200:
        return
    if status in (401, 403):
        raise SyncroFailed(
            f"it refused the token ({status}); a token needs the permissions to list customers and tickets"
        )
    if status == 404:
        raise SyncroFailed("it knows no such customer (404)")
    if status == 429:
        raise Again("it wants to be asked less often (429)", seconds_of(response.headers.get("Retry-After", "")))
    if status >= 500:
        raise Again(f"it has a fault of its own ({status})")
    if 300 <= status < 400:
        raise SyncroFailed(f"it sends us elsewhere ({status}): a login page, or not the right address")
    raise SyncroFailed(f"it answered {status}")


def seconds_of(header: str) -> float | None:
    """`Retry-After`: seconds or a date; None for neither."""
    if re.fullmatch(r"\d{1,6}", header.strip()):
        return float(header)
    try:
        return max(parsedate_to_datetime(header).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object in an answer. Raises SyncroFailed."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        html = data.lstrip()[:1] == b"<"
        raise SyncroFailed(f"it sent {'a web page' if html else 'something'} where JSON is expected") from error
    if not isinstance(found, dict):
        raise SyncroFailed("its answer is no JSON object")
    return found


def number(value: Any) -> float | None:
    """A number, also one that is sent as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and abs(found) < LARGEST_NUMBER else None


def whole(value: Any) -> int | None:
    """A whole number that is not negative, also one that is sent as text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST_NUMBER else None


def find_customer(syncro: Syncro, names: Sequence[str]) -> int:
    """The id of the one customer that is called by the first of these names that is known. Raises SyncroFailed."""
    for name in names:
        found = syncro.get("/customers/autocomplete", query=name).get("customers")
        same = {
            id
            for row in (found if isinstance(found, list) else [])
            if isinstance(row, dict)
            and (id := whole(row.get("id"))) is not None
            and str(row.get("business_name") or row.get("name")).strip().casefold() == name.strip().casefold()
        }
        if len(same) == 1:
            return same.pop()
        if same:
            raise SyncroFailed(f"{len(same)} customers are called {name!r} there; {WHERE}")
    raise SyncroFailed(f"no customer is called {' or '.join(map(repr, names))} there; {WHERE}")


WHERE = "write the right customer_id under syncro: in the article"


def fetch(syncro: Syncro, customer: int | None, names: Sequence[str], now: datetime) -> Figures:
    """The figures of a customer, found by name where the id is not known. Raises SyncroFailed."""
    customer = find_customer(syncro, names) if customer is None else customer
    told = syncro.get(f"/customers/{customer}").get("customer")
    if not isinstance(told, dict):
        raise SyncroFailed("its answer has no customer")
    if whole(told.get("id")) != customer:
        raise SyncroFailed(f"it was asked for customer {customer} and answered with another one")
    prepaid = told.get("prepay_hours")
    if prepaid is not None and number(prepaid) is None:
        raise SyncroFailed("the prepaid hours in its answer are no number")
    open_ids = {int(row["id"]) for row in tickets(syncro, customer, status="Not Closed") if is_open(row)}
    return Figures(customer, len(open_ids), hours(syncro, customer, open_ids, now), number(prepaid))


def is_open(ticket: Mapping[str, Any]) -> bool:
    """Whether a ticket is not resolved, should the server not look at the status that it was asked for."""
    status = str(ticket.get("status") or "").casefold()
    return not ticket.get("resolved_at") and status not in ("resolved", "closed", "invoiced")


def tickets(syncro: Syncro, customer: int, **params: str) -> Iterator[dict[str, Any]]:
    """The customer's tickets; what the server sends of others is left out."""
    for row in syncro.rows("/tickets", "tickets", customer_id=customer, **params):
        if whole(row.get("customer_id", customer)) == customer:
            yield row


def hours(syncro: Syncro, customer: int, known: set[int], now: datetime) -> float:
    """Hours of labour on the customer's tickets since the month began. Timers name a ticket, not a customer."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    span = {"created_at_gt": month.isoformat(), "created_at_lt": now.isoformat()}
    timers = list(syncro.rows("/ticket_timers", "ticket_timers", **span))
    wanted = {id for row in timers if (id := whole(row.get("ticket_id"))) is not None} - known
    mine = set(known)
    for row in tickets(syncro, customer) if wanted else ():
        mine.add(int(row["id"]))
        wanted.discard(int(row["id"]))
        if not wanted:
            break
    return round(sum(seconds_in(row) for row in timers if whole(row.get("ticket_id")) in mine) / 3600, 2)


def seconds_in(timer: Mapping[str, Any]) -> float:
    """How long a timer ran; 0 for one that still runs. Raises SyncroFailed where that cannot be understood."""
    if not timer.get("end_time"):
        return 0.0
    for key in ("active_duration", "billable_time"):
        if timer.get(key) is not None:
            found = number(timer[key])
            if found is None:
                raise SyncroFailed(f"the {key} of timer {timer['id']} is no number of seconds")
            return max(found, 0.0)
    return 0.0
