"""The tree of RFC 9162, its proofs and the verifier's Ed25519, against definitions and vectors that are not ours."""

from __future__ import annotations

import random

from core.merkle import SPAN, WIDTH, Hashing, Tree
from verifier import shanzhi_verify

H = Hashing()


def mth(leaves: list[bytes]) -> bytes:
    """Hash a list as RFC 9162 §2.1.1 writes it down."""
    if len(leaves) < 2:
        return leaves[0] if leaves else H.digest(b"")
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return H.node(mth(leaves[:k]), mth(leaves[k:]))


class Memory:
    """Stored hashes in memory."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.levels = {0: leaves}

    async def tile(self, level: int, index: int, size: int) -> list[bytes]:
        """Return a tile."""
        while level not in self.levels:
            low = self.levels[max(self.levels)]
            self.levels[max(self.levels) + SPAN] = [
                H.fold(low[at : at + WIDTH]) for at in range(0, len(low) - 255, WIDTH)
            ]
        return self.levels[level][index * WIDTH : (index + 1) * WIDTH]


async def test_roots_and_proofs_follow_the_definition() -> None:
    """Roots over stored tiles are those of the definition, and proofs verify by the RFC's own algorithms."""
    leaves = [H.leaf(str(at).encode()) for at in range(66_000)]
    chance = random.Random(1)
    for size in (1, 2, 3, 7, 8, 255, 256, 257, 1000, 65_536, 66_000):
        tree = Tree(Memory(leaves), size, H)
        root = await tree.root(size)
        assert root == mth(leaves[:size])
        for index in {0, size - 1, chance.randrange(size)}:
            path = await tree.inclusion(index, size)
            assert (
                shanzhi_verify.root_by_inclusion(shanzhi_verify.Hashing("SHA-256"), leaves[index], index, size, path)
                == root
            )
            old = shanzhi_verify.Head("o", index + 1, mth(leaves[: index + 1]), "SHA-256", "")
            new = shanzhi_verify.Head("o", size, root, "SHA-256", "")
            proof = await tree.consistency(index + 1, size)
            assert shanzhi_verify.is_consistent(shanzhi_verify.Hashing("SHA-256"), old, new, proof)
            assert not shanzhi_verify.is_consistent(
                shanzhi_verify.Hashing("SHA-256"), old._replace(root=b"x" * 32), new, proof
            )


def test_signatures_follow_rfc_8032() -> None:
    """The verifier's Ed25519 takes the vectors of RFC 8032 §7.1 and refuses them altered."""
    vectors = (
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    )  # fmt: skip
    for public, message, signature in vectors:
        key, text, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
        assert shanzhi_verify.is_signed(key, text, signed)
        assert not shanzhi_verify.is_signed(key, text + b"x", signed)
        assert not shanzhi_verify.is_signed(key, text, signed[:-1] + bytes([signed[-1] ^ 1]))
