"""A fixed world for cases and isolation: two counties that share issues, people and parties, and another city."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from .beyond import fill
from .rows import Row, Rows, path_of, unit, with_reach

CITY, OTHER_CITY = "4110", "4111"
HERE, THERE, ELSEWHERE = "411024", "411082", "411102"
"""Two counties of the city, and one of the other city."""

_MONDAY = datetime(2021, 8, 2, 1, 0, tzinfo=UTC)

_UNITS = {
    "4110": "许昌市",
    "411024": "鄢陵县",
    "411024104": "望田镇",
    "411024104226": "新色村",
    "411024104227": "望田村",
    "411082": "长葛市",
    "411082100": "坡胡镇",
    "411082100201": "坡胡村",
    "4111": "漯河市",
    "411102": "源汇区",
    "411102100": "大刘镇",
    "411102100201": "大刘村",
}
_DEPARTMENTS = {
    "4110": "市水利局",
    "411024": "鄢陵县水利局",
    "411082": "长葛市水利局",
    "411102": "源汇区水利局",
}
_CADRES = {
    "4110": "赵市长",
    "411024": "钱主任",
    "411024104": "孙镇长",
    "411082": "李主任",
    "411082100": "周镇长",
    "411102": "吴主任",
}
_POSTED = {  # cadre -> where: the city's leader serves in one county, a township's head in the next village
    "赵市长": "411024104226",
    "钱主任": "411024104",
    "孙镇长": "411024104227",
    "李主任": "411082100",
    "周镇长": "411082100201",
    "吴主任": "411102100",
}
_ISSUES = (  # number, title, unit, finder, state, department
    ("2021-0001", "麦田无人耕种", "411024104226", "赵市长", "CLOSED", "鄢陵县水利局"),
    ("2021-0002", "道路积水", "411024104226", "李主任", "RECTIFYING", "长葛市水利局"),
    ("2021-0003", "机井无电", "411024104227", "孙镇长", "REPORTED", None),
    ("2021-0004", "水泵损坏", "411024104", "钱主任", "RECTIFIED", "市水利局"),
    ("2021-0005", "桥面破损", "411082100201", "周镇长", "ASSIGNED", "长葛市水利局"),
    ("2021-0006", "河道淤塞", "411082100", "钱主任", "FEEDBACK", "鄢陵县水利局"),
    ("2021-0007", "路灯不亮", "411102100201", "吴主任", "CLOSED", "源汇区水利局"),
)


def neighbours() -> Rows:
    """Return the rows: every text says something, and no two rows of any kind share an id."""
    return _Builder().rows


class _Builder:
    def __init__(self) -> None:
        self._last = 0
        self._units: dict[str, Row] = {}
        for code, name in _UNITS.items():
            above = self._units.get(code[: {6: 4, 9: 6, 12: 9}.get(len(code), 0)])
            self._units[code] = unit(self._id(), code, name, above, aliases=[f"旧{name}"], successor_id=None)
        # Ties across the border, each of which a relation could follow.
        self._units["411082100201"]["successor_id"] = self._units["411024104227"]["id"]
        self._units["411082100"]["successor_id"] = self._units["411024104"]["id"]
        self._departments = {
            name: self._row(code=f"water-{code}", name=name, line="水利", **self._at(code))
            for code, name in _DEPARTMENTS.items()
        }
        self._cadres = {name: self._cadre(code, name) for code, name in _CADRES.items()}
        self._cadres["孙镇长"]["managed_by_id"] = self._units[THERE]["id"]
        self._accounts = {
            code: self._row(
                name=f"office-{code}", display_name=f"{name}活动办", city_id=self._city(code)["id"]
            )
            for code, name in _UNITS.items()
        }
        self._postings = [
            *(
                self._posting("cadre", code, cadre_id=self._cadres[name]["id"])
                for name, code in _POSTED.items()
            ),
            *(
                self._posting("county_office", code, account_id=self._accounts[code]["id"])
                for code in (HERE, THERE, ELSEWHERE)
            ),
        ]
        self._categories = {
            city: self._row(
                city_id=self._units[city]["id"],
                scheme="ISSUE_CLASS",
                code=f"class-{city}",
                name=f"{_UNITS[city]}基础设施",
                valid_from=date(2021, 7, 1),
            )
            for city in (CITY, OTHER_CITY)
        }
        self._rules = {
            code: self._row(
                **self._at(code),
                version=1,
                name=f"{name}规则",
                valid_from=date(2021, 7, 1),
                settings={"arrangeDays": len(code)},
                author_name="某人",
                created_at=_MONDAY,
            )
            for code, name in _UNITS.items()
        }
        self._issues: list[Row] = []
        self._assignments: list[Row] = []
        self._events: list[Row] = []
        self._attachments: list[Row] = []
        for number, title, code, finder, state, department in _ISSUES:
            self._issue(number, title, code, self._cadres[finder], state, department)
        self._transferred()
        for event in self._events:
            self._attachment(event, referred=event["kind"] == "ASSIGNED")
        by_number = {row["number"]: row for row in self._issues}
        by_number["2021-0002"]["duplicate_of_id"] = by_number["2021-0001"]["id"]
        by_number["2021-0006"]["duplicate_of_id"] = by_number["2021-0001"]["id"]

    @property
    def rows(self) -> Rows:
        rows = with_reach(
            {
                "unit": list(self._units.values()),
                "department": list(self._departments.values()),
                "cadre": list(self._cadres.values()),
                "account": list(self._accounts.values()),
                "posting": self._postings,
                "category": list(self._categories.values()),
                "rule": list(self._rules.values()),
                "issue": self._issues,
                "assignment": self._assignments,
                "event": self._events,
                "attachment": self._attachments,
                "audit_event": [
                    self._row(
                        kind="SIGNED_IN",
                        account_name=f"auditor-{city}",
                        city_id=self._units[city]["id"],
                        at=_MONDAY,
                        detail={},
                    )
                    for city in (CITY, OTHER_CITY)
                ],
            }
        )
        return fill(rows)

    def _id(self) -> int:
        self._last += 1
        return self._last

    def _row(self, **columns: Any) -> Row:
        return {"id": self._id(), **columns}

    def _at(self, code: str) -> Row:
        return path_of(self._units[code])

    def _city(self, code: str) -> Row:
        return self._units[code[:4]]

    def _cadre(self, code: str, name: str) -> Row:
        id_ = self._id()
        return {
            "id": id_,
            "code": f"C{id_}",
            "name": name,
            "rank": "STAFF",
            "title": f"{_UNITS[code]}干部",
            "phone": f"1380000{id_:04}",
            "unit_id": self._units[code]["id"],
            "managed_by_id": self._units[code]["id"],
            "city_id": self._city(code)["id"],
        }

    def _posting(self, role: str, code: str, **holder: int) -> Row:
        return self._row(role=role, **holder, **self._at(code), valid_from=_MONDAY)

    def _issue(
        self, number: str, title: str, code: str, finder: Row, state: str, department: str | None
    ) -> None:
        reported = _MONDAY + timedelta(days=len(self._issues))
        handed_over = reported + timedelta(hours=2) if department else None
        issue = self._row(
            number=number,
            title=title,
            description=f"{title}。",
            **self._at(code),
            # As if it had been begun under what holds next door too.
            rules=[row["id"] for row in self._rules.values()],
            finder_id=finder["id"],
            finder_name="某人",  # as it was written then, whoever may see the cadre now
            finder_rank="STAFF",
            unit_level=self._units[code]["level"],
            source="VISIT",
            category_id=self._categories[code[:4]]["id"],
            state=state,
            complexity="GENERAL" if department else None,
            satisfaction="SATISFIED" if state == "CLOSED" else None,
            duplicate_of_id=None,
            reported_at=reported,
            judged_at=handed_over,
            handed_over_at=handed_over,
            due_at=handed_over and handed_over + timedelta(days=7),
            rectified_at=reported + timedelta(days=5) if state in {"RECTIFIED", "CLOSED"} else None,
            closed_at=reported + timedelta(days=6) if state == "CLOSED" else None,
            updated_at=reported + timedelta(days=7),
        )
        self._issues.append(issue)
        self._event(issue, "REPORTED", "REPORTED", code, finder, None)
        if department is not None and handed_over is not None:
            sides = {
                "TERRITORIAL": {"party_unit_id": self._units[code[:9]]["id"]},
                "DEPARTMENT": {"department_id": self._departments[department]["id"]},
            }
            for kind, party in sides.items():
                share = self._row(
                    issue_id=issue["id"],
                    kind=kind,
                    state="ACCEPTED",
                    responsible_id=finder["id"],
                    responsible_name="某人",
                    assigned_at=handed_over,
                    # No two alike: a clock has no other mark.
                    solve_due_at=handed_over
                    + timedelta(days=7, microseconds=100_001 + 2 * len(self._assignments)),
                    **{"department_id": None, "party_unit_id": None, **party},
                )
                self._assignments.append(share)
            # It was handed over where it stood then: the county next door.
            before = {HERE: THERE, THERE: HERE}.get(code[:6], code[:6])
            self._event(issue, "ASSIGNED", "ASSIGNED", before, finder, self._assignments[-1])

    def _transferred(self) -> None:
        """An issue that began here and is there now: the event under the old unit is all that is left of it."""
        finder = self._cadres["赵市长"]
        self._issue("2021-0008", "渡口停航", "411082100", finder, "ACCEPTED", None)
        for code, data in (("411024104", {"left": True}), ("411082100", {})):
            self._event(self._issues[-1], "TRANSFERRED", "ACCEPTED", code, finder, None)
            self._events[-1]["data"] = data

    def _attachment(self, event: Row, *, referred: bool) -> None:
        id_ = self._id()
        self._attachments.append(
            {
                "id": id_,
                "issue_id": event["issue_id"],
                "event_id": event["id"] if referred else None,
                "name": f"现场照片{id_}.jpg",
                "media_type": "image/jpeg",
                "size": id_,
                "sha256": f"{id_:064x}",
                "uploader_id": event["actor_id"],
                "account_id": self._accounts[CITY]["id"],
                "uploader_name": "某人",
                "uploaded_at": event["at"],
            }
        )

    def _event(self, issue: Row, kind: str, to: str, code: str, actor: Row, share: Row | None) -> None:
        self._events.append(
            self._row(
                issue_id=issue["id"],
                assignment_id=share and share["id"],
                kind=kind,
                to_state=to,
                actor_id=actor["id"],
                actor_name="某人",
                at=issue["reported_at"] + timedelta(hours=len(self._events)),
                **self._at(code),
            )
        )
