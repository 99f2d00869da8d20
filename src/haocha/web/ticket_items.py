"""A ticket as an item of `GET /v1/tickets`: the read model's row under the national names, codes only."""

from typing import Any

import msgspec


def item_of(row: Any) -> dict[str, Any]:
    """Return one item."""
    dept, _, staff = row["staff"].rpartition("/")
    hall, _, window = row["window"].rpartition("/")
    provisional: dict[str, bool] = msgspec.json.decode(row["provisional"])
    return {
        "ticketId": row["id"],
        "position": row["position"],
        "version": row["version"],
        "number": row["number"],
        "source": row["source"],
        "sourceId": row["source_id"],
        "caseId": row["case_id"],
        "kind": row["kind"] or None,
        "standard": row["standard"] or None,
        "unit": row["unit"],
        "handled": row["handled"],
        "status": row["status"],
        "enteredAt": row["entered_at"],
        "outcome": row["outcome"] or None,
        "satisfaction": row["satisfaction"] or None,
        "pf": row["pf"],
        "projectNo": row["project_no"],
        "day": row["day"],
        "areaCode": row["area"],
        "deptCode": row["dept"] or dept,
        "hallCode": row["hall"] or hall,
        "windowNo": window,
        "staffNo": staff,
        "taskCode": row["matter"],
        "evalDetail": row["indicators"],
        "flags": row["flags"],
        "named": row["named"],
        "openedAt": row["opened_at"],
        "dues": msgspec.Raw(row["dues"]),
        "provisional": sorted(stage for stage, is_so in provisional.items() if is_so),
        "dueAt": row["due_at"],
        "contactDue": row["contact_due"],
        "contacts": row["contacts"],
        "reached": row["reached"],
        "verdict": row["verdict"] or None,
        "ground": row["ground"] or None,
        "difficulty": row["difficulty"] or None,
        "disposition": row["disposition"] or None,
        "appeal": row["appeal"] or None,
        "extension": row["extension"] or None,
        "responsible": row["responsible"] or None,
        "fixedAt": row["fixed_at"],
        "approvedAt": row["approved_at"],
        "verified": row["verified"] or None,
        "verifiedSatisfaction": row["verified_satisfaction"] or None,
        "rounds": row["rounds"],
        "spent": row["spent"],
        "reminded": row["reminded"],
        "escalated": row["escalated"] or None,
        "closedAt": row["closed_at"],
        "lookBackAt": row["look_back_at"],
        "mergedInto": row["merged_into"],
        "joined": row["joined"],
        "supplemented": row["supplemented"],
        "contested": row["contested"],
        "related": row["related"],
        "province": row["province"],
        "above": row["above"] or None,
        "below": row["below"] or None,
        "unitName": row["unit_name"] or None,
    }
