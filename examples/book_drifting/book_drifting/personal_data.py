"""What ``book_drifting`` holds of persons."""

from __future__ import annotations

from core.plugin import ERASED, Held, LegalBasis, PersonalData

PERSONAL_DATA = (
    PersonalData(
        "book_drifting.loan", "借阅记录", "Loans",
        purpose_zh="知道书在谁手里。", purpose_en="Knowing who has a book.",
        basis=LegalBasis.CONTRACT, source="个人信息保护法 13(1)(二)",
        retention_zh="归还后一年，或直至注销。", retention_en="One year after the return, or until the account is closed.",
        held=(
            Held("book_drifting_loan", "borrower_id = ?", shows=("book_id", "lent_at", "due_at", "returned_at"),
                 deletes=True, keeps_while="returned_at IS NULL"),
        ),
        kept_zh="书还没有还：归还后删除。", kept_en="The book is still out: the loan is erased once it is returned.",
    ),
    PersonalData(
        "book_drifting.review", "书评", "Reviews",
        purpose_zh="告诉下一位读者。", purpose_en="Telling the next reader.",
        basis=LegalBasis.CONTRACT, source="个人信息保护法 13(1)(二)",
        retention_zh="直至注销。", retention_en="Until the account is closed.",
        held=(
            Held("book_drifting_review", "reader_id = ?", shows=("book_id", "text", "at"), clears={"text": ERASED}),
        ),
    ),
)  # fmt: skip
