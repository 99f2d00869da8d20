"""Why a ticket's commands are refused: one class per rule, each with its stable code."""

from haocha.domain.errors import Refusal


class Forbidden(Refusal):
    """This is not the person's to do: another role's, or another unit's."""

    code = "not_yours"


class WrongStatus(Refusal):
    """The ticket is not where this can be done."""

    code = "wrong_status"


class NotIndependent(Refusal):
    """Who belongs to a unit that was rated or has handled the ticket judges nothing on it."""

    code = "not_independent"


class RatedPerson(Refusal):
    """Nobody decides on his own rating."""

    code = "rated_person"


class FixerApproves(Refusal):
    """Who submitted the fix does not approve or return it."""

    code = "fixer_approves"


class NoReturn(Refusal):
    """不准退单: under this policy only a supervisor re-routes."""

    code = "no_return"


class SameUnit(Refusal):
    """The ticket is this unit's already."""

    code = "same_unit"


class BasisMissing(Refusal):
    """An explanation needs the legal basis."""

    code = "basis_missing"


class MeasuresMissing(Refusal):
    """A fix needs its measures and who is responsible."""

    code = "measures_missing"


class EvidenceMissing(Refusal):
    """A fix needs at least one piece of evidence."""

    code = "evidence_missing"


class AppealSpent(Refusal):
    """An appeal that was decided cannot be lodged again."""

    code = "appeal_spent"


class NotExtendable(Refusal):
    """The policy grants no extension for this stage, or its clock does not run."""

    code = "not_extendable"


class ExtensionsSpent(Refusal):
    """The policy grants no further extension."""

    code = "extensions_spent"


class ExtensionPending(Refusal):
    """An extension is asked for and not decided."""

    code = "extension_pending"


class NoExtensionPending(Refusal):
    """No extension is asked for."""

    code = "no_extension_pending"


class AlreadyOverdue(Refusal):
    """An extension must be asked for before the deadline."""

    code = "already_overdue"


class WrongResult(Refusal):
    """A verdict of this kind does not belong to what is verified, or contradicts its level."""

    code = "wrong_result"


class RoundsSpent(Refusal):
    """The citizen was not satisfied in the last round: a supervisor decides how it goes on."""

    code = "rounds_spent"


class LinkUsed(Refusal):
    """The one-time link is no longer the one whose verdict is awaited."""

    code = "link_used"


class LinkLapsed(Refusal):
    """The one-time link has run out."""

    code = "link_lapsed"


class NotRelated(Refusal):
    """Only related tickets are merged, both open."""

    code = "not_related"


class NotDrawn(Refusal):
    """The ticket is not in the sample of closed tickets that are looked at again."""

    code = "not_drawn"


class NotExcluded(Refusal):
    """Only a rating that an appeal excluded can be reinstated."""

    code = "not_excluded"


class HandledBelow(Refusal):
    """An instance below works on the ticket: here it is watched, urged and judged."""

    code = "handled_below"


class DecidedAbove(Refusal):
    """The platform above has decided whether the rating counts."""

    code = "decided_above"
