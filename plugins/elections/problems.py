"""Error codes of ``elections``."""

from __future__ import annotations

from core.plugin import Conflict, Invalid, NotAllowed, NotFound, Problem


def _problem(kind: type, code: str, zh: str, en: str) -> Problem:
    return Problem(kind, f"elections.{code}", zh, en)


UNCITED = _problem(
    Invalid,
    "uncited",
    "不予受理、拒绝或终止须引用法律、法规或业主规约的名称和条款，如“物业管理条例第16条”。",
    "A refusal cites the rule it rests on by title and article, e.g. 物业管理条例第16条.",
)
GROUND_NOT_HERE = _problem(
    Invalid,
    "ground_not_here",
    "“{ground_zh}”须有当地法规或业主规约依据，本小区未设定（local_grounds）。",
    "{ground} holds only where local law or the bylaws say so; it is not among local_grounds here.",
)
IS_OWNER = _problem(
    Conflict,
    "is_owner",
    "表决名册载明此人是业主，不能以非业主为由拒绝。",
    "The roll has this person as an owner; that ground is not true.",
)
GAVE_UNDERTAKING = _problem(
    Conflict, "gave_undertaking", "候选人已作书面承诺。", "The candidate gave the undertaking; that ground is not true."
)
NOT_HEARD = _problem(
    Conflict,
    "not_heard",
    "须先请候选人说明或补充材料（askCandidate），再作决定。",
    "Put the ground to the candidate first (askCandidate), who may answer; then decide.",
)
TELLS_AMOUNT = _problem(
    Invalid,
    "tells_amount",
    "不得公开欠费金额，请删去数字。",
    "What somebody owes is not published: take the amount out.",
)
TOO_FEW_SIGNED = _problem(
    Conflict,
    "too_few_signed",
    "联名业主 {signed} 人，须达 {whole} 人的 {percent}%。请继续征集。",
    "{signed} of {whole} heads have signed; {percent} % are needed. Go on collecting.",
)
WRONG_SIZE = _problem(
    Invalid,
    "wrong_size",
    "委员人数须为 {least} 至 {most} 的单数，任期不超过 {years} 年。",
    "A committee has an odd number of {least} to {most} seats and a term of at most {years} years.",
)
GROUP_WRONG = _problem(Conflict, "group_wrong", "组成不合规定：{faults_zh}。", "It cannot be composed so: {faults}.")
STILL_SHOWN = _problem(
    Conflict, "still_shown", "须公示至 {until} 之后。", "It is on display until {until}; go on after that."
)
TOO_EARLY = _problem(
    Conflict,
    "too_early",
    "候选人名单须在投票前 {days} 日公布，最早可于 {earliest} 开始。",
    "Candidates are published {days} days before the vote; it may open on {earliest} at the earliest.",
)
NOT_REVIEWED = _problem(
    Conflict,
    "not_reviewed",
    "还有 {count} 名候选人未审查完毕或申诉未答复。",
    "{count} candidates are not reviewed, or their appeals are open. Decide those first.",
)
TOO_FEW_CANDIDATES = _problem(
    Conflict,
    "too_few_candidates",
    "符合条件的候选人 {count} 名，至少须 {least} 名。请重新开放报名（reopenCandidates）。",
    "{count} candidates are eligible, {least} are needed. Open nominations again (reopenCandidates).",
)
TOO_MANY_CANDIDATES = _problem(
    Conflict, "too_many_candidates", "一次表决最多 {most} 名候选人。", "One ballot takes {most} candidates at most."
)
ALREADY_STANDING = _problem(Conflict, "already_standing", "此人已是候选人。", "This person is a candidate already.")
GROUP_MEMBER = _problem(
    NotAllowed,
    "group_member",
    "按本小区规定，筹备组成员不得参选。",
    "Members of the preparatory group may not stand here.",
)
UNDERTAKING_NEEDED = _problem(
    Invalid,
    "undertaking_needed",
    "参选须作书面承诺（undertakes）。",
    "Standing needs the written undertaking (undertakes).",
)
NO_SUCH_CANDIDATE = _problem(
    NotFound,
    "no_such_candidate",
    "没有这名候选人，或其状态不允许此操作。",
    "There is no such candidate, or not in a state for this.",
)
NOT_YOURS = _problem(NotAllowed, "not_yours", "只有本人可以办理。", "Only the person concerned can do this.")
BALLOT_READY = _problem(
    Conflict,
    "ballot_ready",
    "表决已在准备中，请先撤回（withdrawPoll）。",
    "A ballot is prepared already; withdraw that first (withdrawPoll).",
)
BALLOT_FIXED = _problem(
    NotAllowed,
    "ballot_fixed",
    "选举的表决事项由选举程序生成，不能增删。",
    "The motions of an election follow from its candidates; nobody adds or removes any.",
)
NO_LOT_DUE = _problem(
    Conflict,
    "no_lot_due",
    "没有需要抽签决定的并列，或抽签方法尚未公布、时间未到。",
    "No tie waits for a lot, or how it is drawn was not published, or it is not time yet.",
)
NO_SUCH_SEAT = _problem(NotFound, "no_such_seat", "没有这个在任的席位。", "There is no such seat in office.")
NO_SEAT = _problem(
    NotAllowed,
    "no_seat",
    "只有在任委员本人可以办理，不得委托。",
    "This is for members in office, in person; there are no proxies.",
)
NO_MAJORITY = _problem(
    Conflict,
    "no_majority",
    "须有过半数委员出席，并经全体委员过半数同意；现为 {part}/{whole}。",
    "More than half of all members have to be there and to agree; it is {part} of {whole}.",
)
NO_COMMITTEE = _problem(
    Conflict, "no_committee", "此处没有在任的业主委员会或物业管理委员会。", "No committee is in office here."
)
NOT_YET = _problem(Conflict, "not_yet", "尚未到会议时间 {at}。", "The meeting begins at {at}.")
NOT_PRESENT = _problem(
    Conflict, "not_present", "请先签到（attendMeeting）再表决。", "Attend first (attendMeeting), then vote."
)
AGENDA_NEEDED = _problem(
    Invalid, "agenda_needed", "会议须有 1 至 20 项议题。", "A meeting needs an agenda of 1 to 20 points."
)
NO_SUCH_DECISION = _problem(NotFound, "no_such_decision", "本次会议没有这项议题。", "This meeting has no such point.")
NO_SUCH_ITEM = _problem(NotFound, "no_such_item", "没有这项待确认的记录。", "There is no such entry that waits for it.")
NOT_HANDED_OVER = _problem(
    Conflict, "not_handed_over", "还有 {count} 项未经接收确认。", "{count} things have not been received yet."
)
ALREADY_SIGNED = _problem(Conflict, "already_signed", "您已经签名。", "You have signed already.")
SEATED_PERSON = _problem(
    NotAllowed, "seated_person", "不能由同一人移交并接收。", "Who hands over does not receive it, too."
)
PROBLEMS = tuple(found for found in list(globals().values()) if isinstance(found, Problem))
