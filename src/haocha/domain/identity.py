"""Who may see an identity (评价人信息), and what is kept of it for ever: that it was shown, or that it was erased.

Contact data are for calling and for nothing else. An agent (回访) outside the handling and the rated unit sees name and
phone; the unit's one contact officer (联系人), where the policy lets units call, the phone only; the person who was
rated never sees them.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Literal, get_args
from uuid import UUID

import msgspec

from haocha.domain import ticket_guards as guards
from haocha.domain import ticket_refusals as refusals
from haocha.domain.account import Account
from haocha.domain.errors import Refusal
from haocha.domain.ids import uuid5
from haocha.domain.policy import Terms
from haocha.domain.rating import TextReference
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Actor, Snapshot

Purpose = Literal["review", "verification"]
"""联系核实, 回访."""

Reason = Literal["call", "again", "wanted", "other"]
"""按时限联系, 上次未接通, 评价人要求回电, 其他."""

REASONS: tuple[Reason, ...] = get_args(Reason)

AGENT_FIELDS = ("userName", "mobile")
OFFICER_FIELDS = ("mobile",)


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
    unit: str = ""
    area: str = ""
    """The ticket's, so that an auditor of a department or an area can be shown his own."""
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


def due(ticket: Ticket, snapshots: Iterable[Snapshot], by: Account, terms: Terms, at: datetime) -> Purpose:
    """Return what `by` may call for now; raises what the guard of 联系 raises, and `NothingDue`.

    `snapshots` are those of all ratings that the ticket is about: who was rated in any of them never sees who rated.
    """
    guards.contact(ticket, by, terms, at)
    for snapshot in snapshots:
        if by.staff and by.staff == snapshot.staff:
            raise refusals.RatedPerson(f"The identity on ticket {ticket.number} is not for the person who was rated.")
        if by.role == "agent" and by.unit and by.unit == snapshot.dept:
            raise refusals.NotIndependent(f"The identity on ticket {ticket.number} is not for {by.unit}: it was rated.")
    if ticket.status == "verifying":
        return "verification"
    if ticket.reached:
        raise NothingDue(f"Ticket {ticket.number}: the citizen was reached, and the call-back is not due yet.")
    return "review"


def fields_for(by: Account) -> tuple[str, ...]:
    """Return the members of an identity that `by` may see where he may call."""
    return AGENT_FIELDS if by.role == "agent" else OFFICER_FIELDS


def identity_id(subject: UUID) -> UUID:
    """Name the stream of what happened to an identity."""
    return uuid5(subject, "identity")


EVENTS: tuple[type, ...] = (IdentityDisclosed, IdentityErased)
