"""Who may see an identity (评价人信息), and what is kept of it for ever: that it was shown, or that it was erased.

Contact data are for calling and for nothing else. An agent (回访) outside the handling and the rated unit sees name and
phone; the unit's one contact officer (联系人), where the policy lets units call, the phone only; the person who was
rated never sees them.
"""

from datetime import datetime
from typing import ClassVar, Literal, NamedTuple, get_args
from uuid import UUID

import msgspec

from haocha.domain.account import Account
from haocha.domain.errors import Refusal
from haocha.domain.ids import uuid5
from haocha.domain.rating import TextReference
from haocha.domain.ticket_events import Actor, Snapshot

Purpose = Literal["review", "verification"]
"""联系核实, 回访."""

Reason = Literal["call", "again", "wanted", "other"]
"""按时限联系, 上次未接通, 评价人要求回电, 其他."""

REASONS: tuple[Reason, ...] = get_args(Reason)

AGENT_FIELDS = ("userName", "mobile")
OFFICER_FIELDS = ("mobile",)


class NotYoursToSee(Refusal):
    """The policy does not let this account call on this ticket."""

    code = "not_yours_to_see"


class NothingDue(Refusal):
    """No contact and no call-back is due: there is no reason to call."""

    code = "no_contact_due"


class NotNamed(Refusal):
    """The citizen gave no contact data, asked to stay anonymous, or was erased."""

    code = "not_named"


class TooManyDisclosures(Refusal):
    """An account sees one ticket at a time, and not more than so many in an hour."""

    code = "too_many_disclosures"


class IdentityDisclosed(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An account was shown members of an identity; written before they were shown."""

    TOPIC: ClassVar[str] = "identity.disclosed:v1"

    subject: UUID
    ticket: UUID
    number: str
    by: Actor
    purpose: Purpose
    fields: tuple[str, ...]
    reason: Reason
    note: TextReference | None = None
    at: datetime


class IdentityErased(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An identity and its texts are gone: how many of each; `by` is the operator's login."""

    TOPIC: ClassVar[str] = "identity.erased:v1"

    subject: UUID
    identities: int = 0
    texts: int = 0
    by: str
    at: datetime


class Case(NamedTuple):
    """What the decision needs to know of a ticket: its units, what its policy says, and whether a call is due."""

    number: str
    unit: str
    snapshots: tuple[Snapshot, ...]
    """Of all ratings the ticket is about."""
    contact: Literal["agent", "unit"]
    due: Purpose | None


def fields_for(account: Account, case: Case) -> tuple[str, ...]:
    """Return the members that `account` may see on `case` now; raises `NotYoursToSee`, `NothingDue`."""
    rated = {snapshot.dept for snapshot in case.snapshots} | {case.unit}
    if account.staff and any(account.staff == snapshot.staff for snapshot in case.snapshots):
        raise NotYoursToSee(f"Ticket {case.number}: the person who was rated never sees who rated.")
    allowed = False
    fields: tuple[str, ...] = ()
    match account.role:
        case "agent" if account.unit not in rated - {""}:
            allowed, fields = case.contact == "agent" or case.due == "verification", AGENT_FIELDS
        case "handler" if account.contact_officer and account.unit == case.unit != "":
            allowed, fields = case.contact == "unit" and case.due != "verification", OFFICER_FIELDS
        case _:
            pass
    if not allowed:
        raise NotYoursToSee(f"Ticket {case.number}: its policy lets {case.contact}s call, and you are not one of them.")
    if case.due is None:
        raise NothingDue(f"Ticket {case.number}: no contact and no call-back is due.")
    return fields


def identity_id(subject: UUID) -> UUID:
    """Name the stream of what happened to an identity."""
    return uuid5(subject, "identity")


EVENTS: tuple[type, ...] = (IdentityDisclosed, IdentityErased)
