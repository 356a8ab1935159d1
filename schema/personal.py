"""A person and their own data over GraphQL: what is held and why, consents, who looked; export, correction, closing."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import strawberry
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from strawberry.scalars import JSON

from core import access, attachments, consents, erasure, models, portability, rights
from core.clock import from_wire
from core.ids import global_id
from core.kernel import Kernel
from core.personal import LegalBasis, PersonalData
from schema.declared import column, declared, to_one
from schema.enums import graphql_enum
from schema.files import refusal
from schema.mutation import DeedInput, mutation, text
from schema.node import Node
from schema.paging import NEWEST, Connection
from schema.policies import Guard, guarded
from schema.types import Person

graphql_enum(LegalBasis)

OWN = "the viewer's own data"


@declared(models.AccessLook, visible=access.person("{t}.person_id"))
class AccessLook(Node):
    """That somebody read a sealed field of yours; looks at the same field within an hour are counted together."""

    reader: Person | None = to_one("Person", "{t}.reader_id", "Who read it; the name is masked as everywhere.")
    role: str = column("The role in which they did, e.g. community_staff; `person` for a neighbour concerned.")
    category: str = column("The category of personal data, whose purpose says what the reading is for.")
    field: str = column("The field, e.g. phone.")
    operation: str = column("What the reader's program called its request; may be empty.")
    at: datetime = column("When it was first read within that hour.")
    last_at: datetime = column("When it was last read within that hour.")
    times: int = column("How often within that hour.")


@strawberry.type(
    description="One category of personal data: what it is for, on what it rests, and how long it is kept."
)
class PersonalDataCategory:
    """One category of personal data."""

    code: str = strawberry.field(description="Its code, e.g. `register.contact`.")
    title: str = strawberry.field(description="What it is called.")
    purpose: str = strawberry.field(description="What it is for.")
    basis: LegalBasis = strawberry.field(description="On what the processing rests (个人信息保护法 13).")
    source: str = strawberry.field(description="The articles.")
    retention: str = strawberry.field(description="How long it is kept.")
    can_be_erased: bool = strawberry.field(description="Whether closing the account erases it, or part of it.")
    kept: str | None = strawberry.field(description="What of it is kept even then, and why; null when nothing is.")
    correctable: list[str] = strawberry.field(description="The fields that `correctMyData` corrects, e.g. name.")
    data: strawberry.Private[PersonalData]

    @strawberry.field(
        description="How many records of it are about you.", metadata=guarded(Guard.SELF, f"counts of {OWN}")
    )
    async def records(self, info: strawberry.Info) -> int:
        return await erasure.count(info.context.kernel.database, self.data, info.context.viewer.person_id)


@strawberry.type(description="A consent that is asked for, and how you stand to it.")
class PersonalConsent:
    """A consent that is asked for, and how you stand to it."""

    category: str = strawberry.field(description="The category of personal data it is for.")
    version: int = strawberry.field(description="The version of the text: pass it to `giveConsent`.")
    text: str = strawberry.field(description="The text in the language of the request: show it before asking.")
    is_given: bool = strawberry.field(description="Whether you agreed to this version and did not take it back.")
    agreed_version: int | None = strawberry.field(description="The version you last agreed to; null for never.")
    given_at: datetime | None = strawberry.field(description="When.")
    withdrawn_at: datetime | None = strawberry.field(description="When you took it back; null while it stands.")


@strawberry.type(description="What is held about you.")
class MyPersonalData:
    """What is held about the viewer."""

    @strawberry.field(
        description="The categories, of all features of this server (some dozens).",
        metadata=guarded(Guard.SELF, "declarations, the same for everybody"),
    )
    def categories(self, info: strawberry.Info) -> list[PersonalDataCategory]:
        language = info.context.language
        return [_category(data, language) for data in info.context.kernel.personal_data]

    @strawberry.field(
        description="The consents that are asked for (a handful).", metadata=guarded(Guard.SELF, f"consents of {OWN}")
    )
    async def consents(self, info: strawberry.Info) -> list[PersonalConsent]:
        context = info.context
        found = await consents.standing(context.kernel.database, context.kernel.personal_data, context.viewer.person_id)
        return [_consent(one, context.language) for one in found]

    @strawberry.field(description="Who read your sealed fields, latest first; kept for a year.")
    async def access_log(
        self,
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="How many items, at most 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = strawberry.UNSET,
    ) -> Connection[AccessLook]:
        where = access.person("{t}.person_id")(info.context.sight)
        return await info.context.reading.page("AccessLook", info, where=where, order=NEWEST, first=first, after=after)

    @strawberry.field(
        description="Since when your data are only kept, at your request; null while they are used.",
        metadata=guarded(Guard.SELF, f"a restriction of {OWN}"),
    )
    async def restricted_since(self, info: strawberry.Info) -> datetime | None:
        found = await info.context.kernel.database.value(
            "SELECT since FROM core_restriction WHERE person_id = ?", (info.context.viewer.person_id,)
        )
        return from_wire(found) if found else None


@strawberry.type(description="Yourself.")
class Me:
    """The viewer as a person with rights."""

    id: strawberry.ID = strawberry.field(description="Your id as a Person.")
    name: str = strawberry.field(description="Your name in full.")
    personal_data: MyPersonalData = strawberry.field(
        description="What is held about you, and what you may do about it."
    )


def _category(data: PersonalData, language: str) -> PersonalDataCategory:
    return PersonalDataCategory(
        code=data.code, title=data.text("title", language), purpose=data.text("purpose", language), basis=data.basis,
        source=data.source, retention=data.text("retention", language), can_be_erased=data.can_be_erased,
        kept=data.text("kept", language) or None, correctable=sorted(data.corrects), data=data,
    )  # fmt: skip


def _consent(one: dict[str, Any], language: str) -> PersonalConsent:
    data, last = one["data"], one["last"]
    withdrawn = last["withdrawn_at"] if last else None
    return PersonalConsent(
        category=data.code, version=one["version"], text=data.consent.en if language == "en" else data.consent.zh,
        is_given=one["is_current"], agreed_version=one["agreed_version"],
        given_at=from_wire(last["given_at"]) if last else None, withdrawn_at=from_wire(withdrawn) if withdrawn else None,
    )  # fmt: skip


@strawberry.type
class PersonalQuery:
    """The root query about oneself."""

    @strawberry.field(
        description="Yourself: what is held about you, your consents, who looked; null for nobody in particular.",
        metadata=guarded(Guard.SELF, OWN),
    )
    async def me(self, info: strawberry.Info) -> Me | None:
        person_id = info.context.viewer.person_id
        if person_id is None:
            return None
        name = await info.context.kernel.database.value("SELECT name FROM core_person WHERE id = ?", (person_id,))
        return Me(id=strawberry.ID(global_id("Person", person_id)), name=name, personal_data=MyPersonalData())


# --- deeds ------------------------------------------------------------------------------------------------------------


@strawberry.input(description="Ask for everything that is held about you.")
class ExportMyDataInput(DeedInput):
    """Ask for everything that is held about you."""


@strawberry.input(description="What to correct; what is left out stays.")
class CorrectMyDataInput(DeedInput):
    """What to correct."""

    name: str | None = text("Your name as you go by here.", default=None)
    phone: str | None = text("Your telephone number, wherever one of yours is kept.", default=None)


@strawberry.input(description="What you agree to.")
class GiveConsentInput(DeedInput):
    """What you agree to."""

    category: str = text("The category, from `me { personalData { consents } }`.")
    version: int = text("The version of the text that was shown.")


@strawberry.input(description="What you no longer agree to.")
class WithdrawConsentInput(DeedInput):
    """What you no longer agree to."""

    category: str = text("The category.")


@strawberry.input(description="Whether your data are only to be kept.")
class RestrictProcessingInput(DeedInput):
    """Whether your data are only to be kept."""

    is_restricted: bool = text("True to restrict, false to lift it.")
    reason: str = text("Why; nobody has to say.", default="")


@strawberry.input(description="Close the account for good.")
class CloseAccountInput(DeedInput):
    """Close the account for good."""

    password: str | None = text("The account's password; left out only where the account has none.", default=None)


@strawberry.type(description="Where to download everything that is held about you.")
class DataExport:
    """Where to download everything that is held about the viewer."""

    url: str = strawberry.field(description="The address on this server; without a token, for this person only.")
    expires_at: datetime = strawberry.field(description="Until when it works.")


@strawberry.type(description="What was corrected.")
class DataCorrected:
    """What was corrected."""

    fields: JSON = strawberry.field(
        description="For each field how many records were corrected; 0 where staff have to do it, by documents."
    )


@strawberry.type(description="How you now stand to a consent.")
class ConsentRecorded:
    """How the viewer now stands to a consent."""

    category: str = strawberry.field(description="The category.")


@strawberry.type(description="Whether your data are only kept.")
class ProcessingRestricted:
    """Whether the viewer's data are only kept."""

    is_restricted: bool = strawberry.field(description="Whether they are.")


@strawberry.type(description="What became of one category when the account was closed.")
class ErasedCategory:
    """What became of one category when the account was closed."""

    code: str = strawberry.field(description="The category.")
    title: str = strawberry.field(description="What it is called.")
    erased: int = strawberry.field(description="How many records were erased or emptied.")
    kept: int = strawberry.field(description="How many records stay, without your name.")
    later: int = strawberry.field(description="How many of these are erased by themselves once they need not be kept.")
    why: str | None = strawberry.field(description="Why some are kept; null when none is.")


@strawberry.type(description="The account is closed.")
class AccountClosed:
    """The account is closed."""

    categories: list[ErasedCategory] = strawberry.field(description="What was erased, what is kept and why.")


def _exported(result: dict[str, Any], info: strawberry.Info) -> DataExport:
    expires = from_wire(result["expires_at"])
    path = rights.export_path(info.context.kernel, result["person"], int(expires.timestamp()))
    return DataExport(url=path, expires_at=expires)


def _closed(report: list[dict[str, Any]], info: strawberry.Info) -> AccountClosed:
    declared_now = {data.code: data for data in info.context.kernel.personal_data}
    language = info.context.language
    return AccountClosed(categories=[
        ErasedCategory(
            code=one["category"], title=data.text("title", language), erased=one["erased"], kept=one["kept"],
            later=one["later"], why=data.text("kept", language) if one["kept"] else None,
        )
        for one in report if (data := declared_now.get(one["category"])) is not None
    ])  # fmt: skip


async def _confirmed(arguments: dict[str, Any], info: strawberry.Info) -> dict[str, Any]:
    """Check the password before the deed: hashing takes longer than a deed may."""
    await rights.confirm(info.context.kernel, info.context.viewer, arguments["password"])
    return {}


@strawberry.type
class PersonalMutation:
    """What persons do about their own data."""

    export_my_data = mutation(rights.export_my_data, ExportMyDataInput, DataExport, present=_exported)
    correct_my_data = mutation(
        rights.correct_my_data,
        CorrectMyDataInput,
        DataCorrected,
        present=lambda found, info: DataCorrected(fields=found),
    )
    give_consent = mutation(
        consents.give_consent, GiveConsentInput, ConsentRecorded,
        present=lambda found, info: ConsentRecorded(category=found),
    )  # fmt: skip
    withdraw_consent = mutation(
        consents.withdraw_consent, WithdrawConsentInput, ConsentRecorded,
        present=lambda found, info: ConsentRecorded(category=found),
    )  # fmt: skip
    restrict_processing = mutation(
        rights.restrict_processing, RestrictProcessingInput, ProcessingRestricted,
        present=lambda found, info: ProcessingRestricted(is_restricted=found),
    )  # fmt: skip
    close_account = mutation(
        rights.close_account, CloseAccountInput, AccountClosed, prepare=_confirmed, present=_closed
    )


TYPES: tuple[type, ...] = (AccessLook,)
EXTENDS: dict[str, type] = {"Mutation": PersonalMutation}


# --- the file ---------------------------------------------------------------------------------------------------------

ADDRESS = "/exports/{person}/{expires}/{signature}"


async def download(kernel: Kernel, request: Request) -> Response:
    """Send everything that is held about the person of a signed address."""
    parts: dict[str, Any] = request.path_params
    person, expires = str(parts["person"]), str(parts["expires"])
    language = "en" if request.headers.get("accept-language", "").lower().startswith("en") else "zh"
    if not kernel.keys.verify("export", f"{person}:{expires}", str(parts["signature"])):
        return refusal(attachments.LINK_INVALID(), language)
    if int(expires) <= kernel.clock.now().timestamp():
        return refusal(attachments.LINK_EXPIRED(), language)
    if not await rights.may_take_out(kernel, int(person)):
        return refusal(attachments.LINK_INVALID(), language)
    return StreamingResponse(
        _bytes(portability.export(kernel, int(person), language)), media_type="application/json",
        headers={
            "Content-Disposition": attachments.disposition("shanzhi-personal-data.json", inline=False),
            "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
        },
    )  # fmt: skip


async def _bytes(pieces: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """Put small pieces together, so that not every row is sent by itself."""
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece.encode()
        if len(waiting) > 65_536:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


__all__ = ["ADDRESS", "EXTENDS", "TYPES", "PersonalQuery", "download"]
