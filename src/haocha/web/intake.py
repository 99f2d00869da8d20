"""From a decoded record to the group that goes into the log: linked, digested, personal data apart.

The rules of ratings are in rating_intake.py, those of service records in service_intake.py; both are the issue's and
design §4, §5, §9: refuse only what the sender can mend and the log cannot hold; flag the rest, and let a flag delay,
hide and exclude nothing.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from haocha.domain import ids, keyed
from haocha.domain.rating import RatingContested, RatingSubmitted, RatingSupplemented, TextReference
from haocha.domain.registry import Resolved, Sent
from haocha.store import events
from haocha.store.keys import Client
from haocha.store.log import Group, Identity, NewEvent, Text
from haocha.web.context import Context
from haocha.web.forms import ComplaintIn, RatingIn, ServiceIn
from haocha.web.problems import Fault

NAMING = frozenset({"userName", "certKey", "certkeyGOV", "creditNum", "mobile"})
"""Members that say who the evaluator is."""
SAID = (
    "windowNo",
    "staffNo",
    "taskCode",
    "deptCode",
    "hallCode",
    "areaCode",
    "taskHandleItem",
    "taskName",
    "deptName",
)
"""What an event says of the codes and names that were sent, where the dimensions do not tell it."""
_encoder = msgspec.json.Encoder(order="sorted")
Rating = RatingSubmitted | RatingSupplemented | RatingContested


class Refused(NamedTuple):
    """Faults that the sender can mend; `bound`: the key may not rate this."""

    faults: list[Fault]
    bound: bool = False


class Ready(NamedTuple):
    """A record ready for the log: the first event of stream `id`, and what is kept apart from it."""

    id: UUID
    fact: Any
    identity: dict[str, str]
    texts: dict[str, str]


def digest(key: bytes, content: Any) -> str:
    """Return the keyed digest of `content`, members sorted."""
    return keyed.digest(key, _encoder.encode(content)).hex()


def add(faults: list[Fault], *found: Fault) -> None:
    """Add what is not said of the same member already."""
    known = {fault.pointer for fault in faults}
    faults += [fault for fault in found if fault.pointer not in known]


def resolve(
    context: Context, client: Client, record: RatingIn | ServiceIn | ComplaintIn, at: datetime
) -> tuple[Resolved, dict[str, str]]:
    """Link the codes sent, and keep those that the result does not tell (design §7 `said`); '' was found, not sent."""
    sent = Sent(
        record.window_no or "",
        record.staff_no or "",
        record.task_code or "",
        record.task_handle_item or "",
        record.dept_code or "",
        record.hall_code or "",
        record.area_code or "",
        record.device_no or "",
        client.hall,
        client.window_no,
    )
    resolved = context.registry.resolve(sent, at)
    codes = (
        sent.window_no,
        sent.staff_no,
        sent.task_code,
        sent.dept_code,
        sent.hall_code,
        sent.area_code,
        sent.task_handle_item,
        record.task_name or "",
        record.dept_name or "",
    )
    told = told_by(resolved)
    if codes == told:
        return resolved, {}
    return resolved, {name: code for name, code, known in zip(SAID, codes, told, strict=True) if code != known}


def told_by(found: Resolved | Rating) -> tuple[str, ...]:
    """Return the codes and names (`SAID`) that dimensions tell without more words."""
    return (
        found.window.rpartition("/")[2],
        found.staff.rpartition("/")[2],
        found.matter,
        found.dept,
        found.hall,
        found.area,
        "",
        "",
        "",
    )


def beyond_key(client: Client, resolved: Resolved) -> Fault | None:
    """Return the fault of a record for a hall or window that a bound key is not for."""
    if client.hall and resolved.hall != client.hall:
        return Fault("/hallCode", "key_bound", f"此密钥只能用于大厅 {client.hall}。")
    if client.window_no and resolved.window.rpartition("/")[2] != client.window_no:
        return Fault("/windowNo", "key_bound", f"此密钥只能用于窗口 {client.window_no}。")
    return None


def group(context: Context, ready: Ready, version: int = 1) -> Group:
    """Seal the identity, put the texts apart, and write the event."""
    fact: Any = ready.fact
    identities: tuple[Identity, ...] = ()
    texts: tuple[Text, ...] = ()
    if ready.identity or ready.texts:
        subject = ids.subject_id(ready.id)
        references: dict[str, TextReference] = {}
        if ready.identity:
            identities = (context.vault.seal(subject, ready.identity),)
        for member, body in ready.texts.items():
            text = Text(ids.text_id(ready.id, member, version), subject, body)
            references[member] = context.vault.refer(text)
            texts += (text,)
        fact = msgspec.structs.replace(fact, subject=subject, texts=references)
    return Group((NewEvent(ready.id, version, *events.encode(fact)),), identities, texts)


def contest(ready: Ready, first_digest: str) -> Ready:
    """Turn a rating that finds its place taken into a contest of the one that is there."""
    fact: Any = ready.fact
    members = {name: getattr(fact, name) for name in RatingSubmitted.__struct_fields__}
    contested = RatingContested(**members, first=ready.id, same=fact.digest == first_digest)
    return Ready(ids.contest_id(ready.id, fact.digest), contested, ready.identity, ready.texts)


def as_sent(fact: Rating) -> dict[str, Any]:
    """Return the members of a rating under their own names, as the client sent them; no identity, no texts."""
    codes = dict(zip(SAID, told_by(fact), strict=True)) | fact.said
    members = {
        "projectNo": fact.project_no,
        "serviceNumber": fact.service_number,
        "assessNumber": fact.assess_number,
        "satisfaction": fact.satisfaction,
        "pf": fact.pf,
        "assessTime": fact.assess_time,
        "serviceTime": fact.service_time,
        "evalDetail": list(fact.eval_detail),
        "deviceNo": fact.device_no,
        "deviceSeq": fact.device_seq,
        "isAnonymity": fact.is_anonymity,
        "userProp": fact.user_prop,
        **codes,
    }
    return {name: value for name, value in members.items() if value not in (None, "")}
