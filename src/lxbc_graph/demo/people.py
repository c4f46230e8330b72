"""The demo's people as a world: 2,737 invented cadres with one posting each, departments, accounts, categories.

Every township has a cadre, every village too, except in 鄢陵: its 337 cadres are fewer than its villages, so some
communities there are served by the cadre of their township. Names come from a fixed seed, phones exist nowhere.
"""

import csv
from collections.abc import Iterator, Sequence
from importlib.resources import files
from random import Random
from typing import Any, NamedTuple

from lxbc_graph.domain.words import CategoryScheme, Rank, Role

CITY = "4110"
YANLING = "411024"
CADRES = 2737
CADRES_IN_YANLING = 337
PASSWORD = "lxbc-demo"  # noqa: S105 - published, so that anybody can try the demo
_CITY_LEADERS = 40
_SEED = 20210701

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
)
GIVEN_NAMES = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英建国志华文斌海燕红梅春玲晓东永胜新民玉兰俊峰振宇"

DEPARTMENTS = (
    ("water", "水利局", "农业农村线"),
    ("agriculture", "农业农村局", "农业农村线"),
    ("revitalization", "乡村振兴局", "农业农村线"),
    ("transport", "交通运输局", "城乡建设线"),
    ("housing", "住房和城乡建设局", "城乡建设线"),
    ("ecology", "生态环境局", "城乡建设线"),
    ("power", "供电公司", "城乡建设线"),
    ("civil", "民政局", "社会民生线"),
    ("health", "卫生健康委员会", "社会民生线"),
    ("education", "教育体育局", "社会民生线"),
    ("hrss", "人力资源和社会保障局", "社会民生线"),
    ("industry", "工业和信息化局", "经济发展线"),
    ("emergency", "应急管理局", "平安法治线"),
    ("petition", "信访局", "平安法治线"),
    ("organisation", "组织部", "党建线"),
)
"""(code, name, 分线); a proposal: which departments there are is data."""

World = dict[str, Any]


class WorkContent(NamedTuple):
    """One of the 50 work contents, with a problem as found there. A proposal: the real ones are not published."""

    code: str
    major: str
    issue_class: str
    name: str
    department: str
    title: str
    problem: str
    measure: str
    feedback: str


class Place(NamedTuple):
    """A unit that is in force."""

    code: str
    name: str


def work_contents() -> list[WorkContent]:
    """Read the proposal: five classes (A–E), 15 majors (01–15), 50 contents (01-1 …)."""
    text = (files(__package__) / "data" / "work_contents.csv").read_text(encoding="utf-8")
    classes: dict[str, str] = {}
    majors: dict[str, int] = {}
    contents = []
    for row in csv.DictReader(text.splitlines()):
        class_code = classes.setdefault(row["class"], "ABCDE"[len(classes) % 5])
        major = f"{list(majors).index(row['major']) + 1 if row['major'] in majors else len(majors) + 1:02d}"
        majors[row["major"]] = majors.get(row["major"], 0) + 1
        code = f"{major}-{majors[row['major']]}"
        rest = [row[key] for key in ("name", "department", "title", "problem", "measure", "feedback")]
        contents.append(WorkContent(code, major, class_code, *rest))
    return contents


def people(places: Sequence[Place]) -> World:
    """Return the world of people for the units in force, in the order of their codes."""
    random = Random(_SEED)  # noqa: S311 - repeatable is the point
    cadres = list(_cadres(random, places))
    return {
        "departments": list(_departments(places)),
        "categories": list(_categories()),
        "cadres": cadres,
        "accounts": list(_accounts(places)) + [_account_of(cadre) for cadre in cadres],
    }


def _departments(places: Sequence[Place]) -> Iterator[World]:
    for place in _at(places, 4, 6):
        for code, name, line in DEPARTMENTS:
            yield {
                "code": f"{place.code}-{code}",
                "name": place.name + name,
                "unit": place.code,
                "line": line,
            }


def _categories() -> Iterator[World]:
    text = (files(__package__) / "data" / "work_contents.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    contents = work_contents()
    for code, name in dict(
        zip((one.issue_class for one in contents), (row["class"] for row in rows), strict=True)
    ).items():
        yield {"code": code, "name": name}
    work_content = {"scheme": CategoryScheme.WORK_CONTENT.value}
    for code, name in dict(
        zip((one.major for one in contents), (row["major"] for row in rows), strict=True)
    ).items():
        yield {"code": code, "name": name} | work_content
    for one in contents:
        yield {"code": one.code, "name": one.name, "parent": one.major} | work_content


# ── cadres ───────────────────────────────────────────────────────────────────────────────────────────────────


class _Post(NamedTuple):
    place: Place
    role: Role
    rank: Rank
    lead: bool = False


def _cadres(random: Random, places: Sequence[Place]) -> Iterator[World]:
    names = {place.code: place.name for place in places}
    numbers: dict[str, int] = {}
    for post in _posts(places):
        county = post.place.code[:6]
        from_city = post.rank is Rank.CITY_LEADER or random.random() < 0.12  # noqa: PLR2004 - about one in eight
        home = CITY if from_city else county
        numbers[home] = numbers.get(home, 0) + 1
        department = DEPARTMENTS[random.randrange(len(DEPARTMENTS))]
        code = f"{home}-{numbers[home]:04d}"
        cadre = {
            "code": code,
            "name": _name(random),
            "rank": post.rank.value,
            "title": names[home] + _title(random, post.rank, department[1]),
            "unit": home,
            "managed_by": home,
            "phone": f"000-0000-{int(code[-4:]):04d}",  # no number begins with three zeros
            "postings": [{"role": post.role.value, "unit": post.place.code, "lead": post.lead}],
        }
        if post.rank is Rank.STAFF:
            cadre["department"] = f"{home}-{department[0]}"
        yield cadre


def _posts(places: Sequence[Place]) -> Iterator[_Post]:
    """Yield the 2,737 posts: each township, each village but the last communities of 鄢陵, then the rest."""
    townships, villages = _at(places, 9), _at(places, 12)
    for position, place in enumerate(townships):
        if (position * _CITY_LEADERS) // len(townships) != ((position + 1) * _CITY_LEADERS) // len(townships):
            yield _Post(place, Role.CITY_LEADER, Rank.CITY_LEADER, lead=True)
        else:
            yield _Post(place, Role.COUNTY_LEADER, Rank.COUNTY_CADRE, lead=True)
    in_yanling = [place for place in villages if place.code.startswith(YANLING)]
    room = CADRES_IN_YANLING - sum(place.code.startswith(YANLING) for place in townships)
    # The digits after the township's tell communities (0xx) from villages (2xx): villages come first.
    served = set(sorted(in_yanling, key=lambda place: (place.code[9] == "0", place.code))[:room])
    direct = [place for place in villages if place in served or not place.code.startswith(YANLING)]
    for position, place in enumerate(direct):
        if position % 9 == 0:
            yield _Post(place, Role.COUNTY_LEADER, Rank.COUNTY_CADRE)
        else:
            yield _Post(place, Role.CADRE, Rank.STAFF)
    elsewhere = [place for place in villages if not place.code.startswith(YANLING)]
    rest = CADRES - len(townships) - len(direct)
    for position in range(rest):
        place = elsewhere[position * len(elsewhere) // rest]
        if position % 20 == 0:
            yield _Post(place, Role.CITY_LEADER, Rank.CITY_LEADER)
        else:
            yield _Post(place, Role.CADRE, Rank.STAFF)


def _title(random: Random, rank: Rank, department: str) -> str:
    if rank is Rank.CITY_LEADER:
        return random.choice(("委常委", "人大常委会副主任", "副市长", "政协副主席", "委副秘书长"))
    if rank is Rank.COUNTY_CADRE:
        return random.choice(("委常委", "人大常委会副主任", "政府副职领导", "政协副主席", "政府党组成员"))
    return department + random.choice(("科员", "副科长", "科长", "四级主任科员", "一级科员", "副主任科员"))


def _name(random: Random) -> str:
    given = "".join(random.choice(GIVEN_NAMES) for _ in range(1 + (random.random() < 0.8)))  # noqa: PLR2004
    return random.choice(SURNAMES) + given


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────

_OF_THE_CITY = (
    (Role.CITY_OFFICE, "city_office", "许昌市活动办"),
    (Role.CITY_LEADER, "city_leader", "许昌市领导"),
    (Role.SERVICE_GROUP, "service_group", "许昌市服务工作组"),
    (Role.ASSESSOR, f"assessor-{CITY}", "许昌市考核组"),
    (Role.SCREEN, f"screen-{CITY}", "许昌市监测大屏"),
    (Role.ADMIN, "admin", "系统管理员"),
)
_OF_A_COUNTY = (
    (Role.COUNTY_OFFICE, "活动办"),
    (Role.COUNTY_LEADER, "县级干部"),
    (Role.INSPECTOR, "督导组"),
    (Role.PORTAL, "门户"),
    (Role.SCREEN, "监测大屏"),
)


def _accounts(places: Sequence[Place]) -> Iterator[World]:
    for role, name, display in _OF_THE_CITY:
        yield _account(name, display, role, unit=CITY)
    for place in _at(places, 6):
        for role, suffix in _OF_A_COUNTY:
            yield _account(f"{role.value}-{place.code}", place.name + suffix, role, unit=place.code)
    for department in _departments(places):
        yield _account(
            f"department-{department['code']}",
            department["name"],
            Role.DEPARTMENT,
            department=department["code"],
        )
    for place in _at(places, 9):
        yield _account(f"township_office-{place.code}", place.name, Role.TOWNSHIP_OFFICE, unit=place.code)
        # Whoever handles an issue does not inspect it: the township's check is another's.
        yield _account(
            f"township_inspector-{place.code}", f"{place.name}初验组", Role.TOWNSHIP_OFFICE, unit=place.code
        )
    for place in _at(places, 12):
        yield _account(f"village_official-{place.code}", place.name, Role.VILLAGE_OFFICIAL, unit=place.code)


def _account(name: str, display: str, role: Role, **target: str) -> World:
    posting = {"role": role.value, **target}
    return {"name": name, "display_name": display, "password": PASSWORD, "postings": [posting]}


def _account_of(cadre: World) -> World:
    return {"name": f"cadre-{cadre['code']}", "cadre": cadre["code"], "password": PASSWORD}


def _at(places: Sequence[Place], *digits: int) -> list[Place]:
    return [place for place in places if len(place.code) in digits]
