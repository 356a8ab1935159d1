"""Words as people write them into rosters: column names, building and room numbers, uses, yes and no, days, areas."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache

from plugins.register.kinds import OwnerKind, OwnershipBasis, UnitUse
from plugins.register.rules import AreaSource
from plugins.register.tables import Value


class Column(StrEnum):
    """What a column of a roster says; the value is its name in the template."""

    BUILDING = "楼栋"
    STAIRWELL = "单元"
    ROOM = "房号"
    USE = "用途"
    REGISTRY_AREA = "建筑面积(登记)"
    SURVEY_AREA = "建筑面积(测绘)"
    CONTRACT_AREA = "建筑面积(合同)"
    AREA = "建筑面积"
    AREA_SOURCE = "面积来源"
    OWNER = "业主姓名"
    OWNER_KIND = "业主类型"
    DOCUMENT = "身份证号"
    PHONE = "手机号"
    SHARE = "共有份额"
    DELIVERED = "交付"
    DELIVERED_ON = "交付日期"
    SINCE = "取得日期"
    BASIS = "取得方式"
    DEVELOPER = "建设单位"


_SYNONYMS: dict[Column, str] = {
    Column.BUILDING: "楼栋 栋 幢 楼号 栋号 幢号 楼幢 楼栋号 座 building buildingno block",
    Column.STAIRWELL: "单元 单元号 梯 梯号 stairwell entrance",
    Column.ROOM: "房号 室 室号 房间号 房屋编号 门牌号 房屋 户号 车位号 room roomno unit unitno",
    Column.USE: "用途 房屋用途 规划用途 房屋类型 性质 use usage",
    Column.REGISTRY_AREA: "建筑面积(登记) 登记面积 登记建筑面积 产权面积 产权登记面积 不动产登记面积 registryarea area(registry)",
    Column.SURVEY_AREA: "建筑面积(测绘) 测绘面积 实测面积 surveyarea area(survey)",
    Column.CONTRACT_AREA: "建筑面积(合同) 合同面积 买卖合同面积 contractarea area(contract)",
    Column.AREA: "建筑面积 面积 专有部分面积 area",
    Column.AREA_SOURCE: "面积来源 areasource",
    Column.OWNER: "业主姓名 业主 业主名称 产权人 所有权人 权利人 姓名 owner ownername name",
    Column.OWNER_KIND: "业主类型 业主类别 ownerkind ownertype",
    Column.DOCUMENT: (
        "身份证号 身份证号码 身份证 证件号 证件号码 统一社会信用代码 身份证号/信用代码 id idnumber creditcode document"
    ),
    Column.PHONE: "手机号 手机号码 手机 电话 联系电话 联系方式 phone mobile telephone",
    Column.SHARE: "共有份额 份额 产权份额 share shares",
    Column.DELIVERED: "交付 是否交付 交付状态 交付情况 delivered handedover",
    Column.DELIVERED_ON: "交付日期 交付时间 收楼日期 deliveredon deliverydate",
    Column.SINCE: "取得日期 取得时间 登记日期 登记时间 购买日期 since acquired acquiredon",
    Column.BASIS: "取得方式 权利来源 basis",
    Column.DEVELOPER: "建设单位 开发商 开发企业 developer",
}
_COLUMNS = {word: column for column, words in _SYNONYMS.items() for word in words.split()}

_USES: dict[UnitUse, str] = {
    UnitUse.DWELLING: "住宅 成套住宅 普通住宅 商品住宅 别墅 公寓 住房 dwelling flat",
    UnitUse.SHOP: "商铺 商业 店铺 铺位 商业服务 办公 商务 shop office",
    UnitUse.PARKING: "车位 车库 停车位 车房 parking",
    UnitUse.COMMON: "共有用房 共有 物业用房 物业管理用房 配套 配套用房 公共用房 common",
}
_USE_WORDS = {word: use for use, words in _USES.items() for word in words.split()}

_KINDS: dict[OwnerKind, str] = {
    OwnerKind.PERSON: "自然人 个人 person",
    OwnerKind.COMPANY: "法人 企业 单位 公司 法人或其他组织 其他组织 company",
    OwnerKind.DEVELOPER: "建设单位 开发商 开发企业 developer",
    OwnerKind.PROPERTY_RIGHT_UNIT: "产权单位 公房产权单位 公房 propertyrightunit",
}
_KIND_WORDS = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_COMPANY_ENDINGS = (
    "公司",
    "企业",
    "集团",
    "合作社",
    "银行",
    "商行",
    "经济联合社",
    "经济社",
    "委员会",
    "事务所",
    "中心",
)

_BASES: dict[OwnershipBasis, str] = {
    OwnershipBasis.REGISTERED: "登记 不动产登记 买卖 购买 赠与 转移登记 registered",
    OwnershipBasis.JUDGMENT: "判决 裁判 法院判决 裁判或征收 judgment",
    OwnershipBasis.INHERITANCE: "继承 inheritance",
    OwnershipBasis.CONSTRUCTION: "自建 合法建造 建造 construction",
    OwnershipBasis.POSSESSION: "未登记 入住未登记 购房入住未登记 已入住未办证 possession",
}
_BASIS_WORDS = {word: basis for basis, words in _BASES.items() for word in words.split()}
_SOURCES = {
    "登记": AreaSource.REGISTRY, "不动产登记簿": AreaSource.REGISTRY, "产权证": AreaSource.REGISTRY, "registry": AreaSource.REGISTRY,
    "测绘": AreaSource.SURVEY, "实测": AreaSource.SURVEY, "测绘成果": AreaSource.SURVEY, "survey": AreaSource.SURVEY,
    "合同": AreaSource.CONTRACT, "买卖合同": AreaSource.CONTRACT, "contract": AreaSource.CONTRACT,
}  # fmt: skip
_YES = frozenset(("是", "已", "已交付", "交付", "y", "yes", "true", "1", "√", "已收楼"))
_NO = frozenset(("否", "未", "未交付", "n", "no", "false", "0", "×", "未收楼"))

_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")}
_CHINESE_NUMBER = re.compile(r"[一二三四五六七八九]?十[一二三四五六七八九]?|[零一二三四五六七八九]")
_BUILDING_WORD = re.compile(r"(?:号楼|幢楼|楼栋|幢|栋|座|楼|号|BUILDING|BLOCK)+$|^(?:第|BUILDING|BLOCK)\s*")
_STAIRWELL_WORD = re.compile(r"(?:单元|梯|门|STAIRWELL)+$|^第")
_ROOM_WORD = re.compile(r"(?:室|房|号|户)+$")
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{4})(\d{2})(\d{2})")
_SHARE = re.compile(r"(\d{1,9})[/／](\d{1,9})|(\d{1,3}(?:\.\d{1,4})?)[%％]")
_PARENTHESES = re.compile(r"\(.*?\)")


def squeeze(value: Value) -> str:
    """Write a cell as text without the differences that nobody means: width, case, blanks; whole floats as integers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = unicodedata.normalize("NFKC", str(value))
    return "".join(text.split())


def title(value: Value) -> Column | None:
    """Return the column that a header cell names, if it names one; units and remarks in it do not matter."""
    word = squeeze(value).lower().replace("*", "").removesuffix("(m2)").removesuffix("(㎡)").removesuffix("(平方米)")
    named = _COLUMNS.get(word)
    if named is None:
        named = _COLUMNS.get(_PARENTHESES.sub("", word))
        # 建筑面积(套内) is another area altogether: a remark on an area is never mere decoration.
        return None if named is Column.AREA else named
    return named


@lru_cache(maxsize=20_000)
def building_key(text: str) -> str:
    """Name a building as all its spellings agree: ``1幢``, ``第1栋``, ``01号楼`` and ``一座`` are ``1``."""
    return _number_key(text, _BUILDING_WORD)


@lru_cache(maxsize=20_000)
def stairwell_key(text: str) -> str:
    """Name a stairwell as all its spellings agree: ``二单元`` and ``2`` are ``2``."""
    return _number_key(text, _STAIRWELL_WORD)


@lru_cache(maxsize=20_000)
def room_key(text: str) -> str:
    """Name a unit as all its spellings agree: ``0302``, ``302室`` and ``302`` (Excel drops zeros) are ``302``."""
    return _number_key(text, _ROOM_WORD)


def sort_key(*parts: str) -> str:
    """Order what people count: numbers within text compare by value."""
    return "|".join(re.sub(r"\d+", lambda m: m[0].lstrip("0").zfill(6), part) for part in parts)[:120]


def tidy_room(text: str) -> str:
    """Write a room number as the register shows it: without the word for room."""
    return _ROOM_WORD.sub("", squeeze(text)) or squeeze(text)


def use_of(text: str) -> UnitUse | None:
    """Return the use that a word means."""
    return _USE_WORDS.get(text.lower())


def owner_kind_of(text: str) -> OwnerKind | None:
    """Return the kind of owner that a word means."""
    return _KIND_WORDS.get(text.lower())


def guessed_kind(name: str) -> OwnerKind:
    """Tell a company from a person by its name, where the roster does not say it."""
    return OwnerKind.COMPANY if len(name) > 4 and name.endswith(_COMPANY_ENDINGS) else OwnerKind.PERSON


def basis_of(text: str) -> OwnershipBasis | None:
    """Return on what an ownership rests."""
    return _BASIS_WORDS.get(text.lower())


def area_source_of(text: str) -> AreaSource | None:
    """Return the source of an area that a word means."""
    return _SOURCES.get(text.lower())


def yes_or_no(text: str) -> bool | None:
    """Return what a yes or no means; None for anything else."""
    word = text.lower()
    return True if word in _YES else False if word in _NO else None


def day_of(value: Value) -> date | None:
    """Read a day from a date cell or from text such as 2020-01-02, 2020年1月2日 or 20200102; None for anything else."""
    if isinstance(value, date):
        return value
    match = _DAY.fullmatch(squeeze(value))
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups() if part is not None)
    try:
        return date(year, month, day)
    except ValueError:
        return None


def area_of(value: Value) -> int | None:
    """Read square metres into hundredths; None for what is no positive number with at most two decimals.

    A float from a spreadsheet may carry the noise of binary fractions (100.30000000000001): the shortest text of it to
    nine decimals decides, so that 89.525 is refused and not rounded.
    """
    text = f"{value:.9f}" if isinstance(value, float) else squeeze(value)
    text = text.lower().removesuffix("㎡").removesuffix("m2").removesuffix("平方米").replace(",", "")
    try:
        hundredths = Decimal(text) * 100
    except InvalidOperation:
        return None
    if not hundredths.is_finite() or hundredths != hundredths.to_integral_value() or not 0 < hundredths < 10**10:
        return None
    return int(hundredths)


def share_of(text: str) -> tuple[int, int] | None:
    """Read a share such as 1/2 or 33.5%; None for anything else."""
    match = _SHARE.fullmatch(text)
    if match is None:
        return None
    if match[3] is not None:
        parts = Decimal(match[3]) * 10_000
        numerator, denominator = int(parts), 1_000_000
    else:
        numerator, denominator = int(match[1]), int(match[2])
    return (numerator, denominator) if 0 < numerator <= denominator else None


def _number_key(text: str, words: re.Pattern[str]) -> str:
    plain = squeeze(text).upper()
    bare = words.sub("", words.sub("", plain)) or plain
    if _CHINESE_NUMBER.fullmatch(bare):
        bare = str(_chinese(bare))
    return re.sub(r"(?<!\d)0+(?=\d)", "", bare)


def _chinese(text: str) -> int:
    tens, ten, ones = text.rpartition("十")
    return (_DIGITS.get(tens, 1) * 10 if ten else 0) + _DIGITS.get(ones, 0)
