"""Who may do what to a ticket, and when: one guard per command, each refusal with a stable code and a sentence.

The order is always: is it this person's to do (`Forbidden`), does the state allow it, is he independent. So a page can
ask the same guards which actions to offer, and why one is not offered.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from haocha.domain import ticket_refusals as refusals
from haocha.domain.account import Account, AccountRole
from haocha.domain.errors import Refusal
from haocha.domain.policy import Terms
from haocha.domain.ticket_course import TicketClosed
from haocha.domain.ticket_events import Status
from haocha.domain.ticket_state import TicketState


def role(ticket: TicketState, by: Account, command: str, *roles: AccountRole) -> None:
    """Refuse a person of another role."""
    if by.role not in roles:
        raise refusals.Forbidden(f"{command} on ticket {ticket.number} is for {' or '.join(roles)}, not for {by.role}.")


def own_unit(ticket: TicketState, by: Account, command: str) -> None:
    """Refuse a handler of another unit than the ticket's."""
    role(ticket, by, command, "handler")
    if not by.unit or by.unit != ticket.unit:
        raise refusals.Forbidden(
            f"{command} on ticket {ticket.number} is for unit {ticket.unit or '(none)'}, not {by.unit}."
        )


def status(ticket: TicketState, command: str, *allowed: Status) -> None:
    """Refuse where the ticket is not in one of the statuses."""
    if ticket.status not in allowed:
        closed = not ticket.is_open
        message = f"{command} needs ticket {ticket.number} to be {' or '.join(allowed)}; it is {ticket.status}."
        raise (TicketClosed if closed else refusals.WrongStatus)(message)


def here(ticket: TicketState, command: str) -> None:
    """Refuse where an instance below works on the ticket."""
    if ticket.below:
        raise refusals.HandledBelow(f"{command}: {ticket.below} works on ticket {ticket.number} and reports.")


def not_rated(ticket: TicketState, by: Account, command: str) -> None:
    """Refuse the person who was rated."""
    if ticket.rates(by.staff):
        raise refusals.RatedPerson(f"{command} on ticket {ticket.number} is not for the person who was rated.")


def independent(ticket: TicketState, by: Account, command: str) -> None:
    """Refuse the rated person, and whoever belongs to a unit that was rated or has handled the ticket."""
    not_rated(ticket, by, command)
    if by.unit and by.unit in ticket.interested:
        raise refusals.NotIndependent(
            f"{command} on ticket {ticket.number} is not for {by.unit}: it was rated or handled it."
        )


def dispatch(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """派单: a supervisor, while no unit is known."""
    role(ticket, by, "dispatch", "supervisor")
    here(ticket, "dispatch")
    status(ticket, "dispatch", "awaiting_dispatch")


def accept(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """签收: the unit."""
    own_unit(ticket, by, "accept")
    here(ticket, "accept")
    status(ticket, "accept", "awaiting_acceptance")


def transfer(ticket: TicketState, by: Account, terms: Terms, _at: datetime) -> None:
    """改派: a supervisor until the fix is in; the unit, where the policy lets it, until it has reviewed."""
    if by.role == "supervisor":
        here(ticket, "transfer")
        status(ticket, "transfer", "awaiting_acceptance", "reviewing", "fixing")
        return
    own_unit(ticket, by, "transfer")
    here(ticket, "transfer")
    status(ticket, "transfer", "awaiting_acceptance", "reviewing")
    if not terms.policy.unit_may_transfer:
        raise refusals.NoReturn(
            f"Policy {terms.policy_version} lets only a supervisor re-route ticket {ticket.number}."
        )


def contact(ticket: TicketState, by: Account, terms: Terms, _at: datetime) -> None:
    """联系: an agent outside the unit, or the unit's contact officer; for a verdict always an agent outside."""
    if terms.policy.contact == "unit" and ticket.status != "verifying":
        own_unit(ticket, by, "contact")
        here(ticket, "contact")
        if not by.contact_officer:
            raise refusals.Forbidden(f"contact on ticket {ticket.number} is for the contact officer of {ticket.unit}.")
        status(ticket, "contact", "awaiting_acceptance", "reviewing", "appealing", "fixing")
        not_rated(ticket, by, "contact")
        return
    role(ticket, by, "contact", "agent")
    if ticket.status != "verifying":
        here(ticket, "contact")
    status(
        ticket, "contact", "awaiting_dispatch", "awaiting_acceptance", "reviewing", "appealing", "fixing", "verifying"
    )
    independent(ticket, by, "contact")
    _round_left(ticket, "contact")


def review(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """核实: the unit, but not the person who was rated."""
    own_unit(ticket, by, "review")
    here(ticket, "review")
    status(ticket, "review", "reviewing")
    not_rated(ticket, by, "review")


def appeal(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """申诉: the unit, while reviewing, once."""
    own_unit(ticket, by, "appeal")
    here(ticket, "appeal")
    status(ticket, "appeal", "reviewing")
    if ticket.ruled:
        raise refusals.DecidedAbove(f"appeal: the rating of ticket {ticket.number} was {ticket.ruled} from above.")
    if ticket.appeal:
        raise refusals.AppealSpent(f"The appeal on ticket {ticket.number} was {ticket.appeal}; there is no second one.")


def decide_appeal(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """复核: an independent reviewer."""
    role(ticket, by, "decide-appeal", "reviewer")
    status(ticket, "decide-appeal", "appealing")
    independent(ticket, by, "decide-appeal")


def request_extension(ticket: TicketState, by: Account, terms: Terms, _at: datetime) -> None:
    """延期申请: the unit, for one of the stages that the policy names."""
    own_unit(ticket, by, "request-extension")
    here(ticket, "request-extension")
    status(ticket, "request-extension", "awaiting_acceptance", "reviewing", "appealing", "fixing")
    if not any(ticket.runs(stage) for stage in terms.policy.extension.stages):
        stages = ", ".join(terms.policy.extension.stages)
        raise refusals.NotExtendable(f"Only {stages} can be extended; no such clock runs on ticket {ticket.number}.")
    if ticket.extension is not None:
        raise refusals.ExtensionPending(
            f"Ticket {ticket.number} waits for the decision on extending {ticket.extension}."
        )


def decide_extension(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """延期审批: an independent supervisor."""
    role(ticket, by, "decide-extension", "supervisor")
    here(ticket, "decide-extension")
    if ticket.extension is None:
        raise refusals.NoExtensionPending(f"No extension is asked for on ticket {ticket.number}.")
    independent(ticket, by, "decide-extension")


def fix(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """整改: the unit."""
    own_unit(ticket, by, "fix")
    here(ticket, "fix")
    status(ticket, "fix", "fixing")


def approve(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """审核: an independent supervisor or reviewer who did not fix."""
    role(ticket, by, "approve", "supervisor", "reviewer")
    here(ticket, "approve")
    status(ticket, "approve", "approving")
    if by.username in ticket.fixers:
        raise refusals.FixerApproves(f"{by.username} submitted what is to be approved on ticket {ticket.number}.")
    independent(ticket, by, "approve")


def verify(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """回访: an independent call-back agent; an inspection's finding is checked again by an inspector."""
    role(ticket, by, "verify", "inspector" if ticket.source == "inspection" else "agent")
    status(ticket, "verify", "verifying")
    independent(ticket, by, "verify")
    _round_left(ticket, "verify")


def remind(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """催办: a supervisor, while open."""
    role(ticket, by, "remind", "supervisor")
    if not ticket.is_open:
        raise TicketClosed(f"Ticket {ticket.number} is closed; there is nothing to remind of.")


def reopen(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """督办重开: a supervisor, on a closed ticket, or where the rounds are spent."""
    role(ticket, by, "reopen", "supervisor")
    if not ticket.spent:
        if ticket.is_open:
            raise refusals.WrongStatus(
                f"Ticket {ticket.number} is {ticket.status}, not closed; it need not be reopened."
            )
        if ticket.outcome not in {"fixed", "explained", "unreachable"}:
            raise refusals.WrongStatus(f"Ticket {ticket.number} was closed as {ticket.outcome} and is not reopened.")


def merge(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """合并: an independent supervisor, where a related ticket is known: the ticket closes by it."""
    role(ticket, by, "merge", "supervisor")
    if not ticket.is_open:
        raise TicketClosed(f"Ticket {ticket.number} is closed and is merged into nothing.")
    if not ticket.related:
        raise refusals.NotRelated(f"Ticket {ticket.number} is related to no other.")
    independent(ticket, by, "merge")


def look_back(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """回头看: an independent supervisor, agent or inspector, on a closed ticket of the sample."""
    role(ticket, by, "look-back", "supervisor", "agent", "inspector")
    if ticket.is_open:
        raise refusals.WrongStatus(f"Ticket {ticket.number} is {ticket.status}; only closed ones are looked at again.")
    if "look_back" not in ticket.dues:
        raise refusals.NotDrawn(f"Ticket {ticket.number} is not in the sample, or was looked at already.")
    independent(ticket, by, "look-back")


def reinstate(ticket: TicketState, by: Account, _terms: Terms, _at: datetime) -> None:
    """恢复采纳: an independent reviewer or supervisor, where an appeal excluded the rating."""
    role(ticket, by, "reinstate", "reviewer", "supervisor")
    if ticket.ruled == "excluded":
        raise refusals.DecidedAbove(f"reinstate: the rating of ticket {ticket.number} was excluded from above.")
    if ticket.outcome != "excluded":
        raise refusals.NotExcluded(f"Ticket {ticket.number} was not closed as excluded.")
    independent(ticket, by, "reinstate")


def _round_left(ticket: TicketState, command: str) -> None:
    if ticket.spent:
        raise refusals.RoundsSpent(f"{command}: ticket {ticket.number} has no round left; a supervisor reopens it.")


Guard = Callable[[TicketState, Account, Terms, datetime], None]

COMMANDS: Final[dict[str, Guard]] = {
    "dispatch": dispatch,
    "accept": accept,
    "transfer": transfer,
    "contact": contact,
    "review": review,
    "appeal": appeal,
    "decide-appeal": decide_appeal,
    "request-extension": request_extension,
    "decide-extension": decide_extension,
    "fix": fix,
    "return": approve,
    "approve": approve,
    "verify": verify,
    "remind": remind,
    "reopen": reopen,
    "merge": merge,
    "look-back": look_back,
    "reinstate": reinstate,
}
"""The commands of a ticket, and what stands before each."""


def refusal(ticket: TicketState, command: str, by: Account, terms: Terms, at: datetime) -> Refusal | None:
    """Return why this person may not do this now; None where he may."""
    try:
        COMMANDS[command](ticket, by, terms, at)
    except Refusal as refused:
        return refused
    return None
