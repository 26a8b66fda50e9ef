"""The account's private registry: the digest of each image tag."""

from __future__ import annotations

import hashlib
import re
import threading

from localcloud.account import Account

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*(?:/[a-z0-9]+(?:[._-][a-z0-9]+)*)*")
"""From the API's model (botocore, ecr, RepositoryName)."""


class ImageRegistry:
    def __init__(self, account: Account) -> None:
        self._host = f"{account.account_id}.dkr.ecr.{account.region}.amazonaws.com"
        self._digests: dict[str, str] = {}
        """By reference: <registry>/<repository>:<tag>, and <registry>/<repository>@<digest>."""
        self._pushes = 0
        self._lock = threading.Lock()

    def push(self, repository: str, tag: str, digest: str | None = None) -> str:
        """Points a tag to a digest, by default a new one. Returns the digest."""
        if not _REPOSITORY.fullmatch(repository):
            raise ValueError(f"{repository!r} is no name of a repository, such as shop/web")
        if digest is not None and not _DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is no digest: sha256: and 64 hexadecimal digits")
        with self._lock:
            self._pushes += 1
            content = f"{repository}:{tag} {self._pushes}"
            digest = digest or f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
            self._digests[f"{self._host}/{repository}:{tag}"] = digest
            self._digests[f"{self._host}/{repository}@{digest}"] = digest
            return digest

    def digest_of(self, image: str) -> str | None:
        """Of an image as a container definition names it; None if nothing was pushed under this
        name."""
        name, at, digest = image.partition("@")
        repository, colon, tag = name.rpartition(":")
        if at:
            reference = f"{repository if colon else name}@{digest}"
        else:
            reference = name if colon and "/" not in tag else f"{name}:latest"
        with self._lock:
            return self._digests.get(reference)
