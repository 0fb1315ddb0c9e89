"""Objects in a bucket of S3, or of what speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import UnavailableError, UsageError
from shared.objects.keys import checked_key, checked_prefix
from shared.objects.port import Object

_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
_NO_BUCKET = "NoSuchBucket"
_THERE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
_PATIENCE = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    signature_version="s3v4",
    s3={"addressing_style": "path"},
)


class S3Objects:
    """Implements `shared.objects.port.Objects`. A put that returned is stored; nothing connects before the first call.

    Every method raises InvalidInputError for a key that is not ours, and UnavailableError when the store does not
    answer or refuses: a wrong password is for the operator to mend, and the same put succeeds after it.
    """

    def __init__(self, url: str) -> None:
        """Take `s3://KEY:SECRET@HOST:PORT/BUCKET?region=R&insecure=true`.

        Without a host it is AWS itself, without a key the credentials that the environment gives (a role, a profile).

        Raises:
            UsageError: the URL names no bucket.
        """
        parts = urlsplit(url)
        self._bucket = parts.path.strip("/")
        if not self._bucket or "/" in self._bucket:
            raise UsageError("TASTEGRAPH_OBJECTS_URL: s3://HOST/BUCKET is expected")
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        scheme = "http" if options.get("insecure") == "true" else "https"
        address = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        self._client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=f"{scheme}://{address}" if address else None,
            region_name=options.get("region", "us-east-1"),
            aws_access_key_id=unquote(parts.username) if parts.username else None,
            aws_secret_access_key=unquote(parts.password) if parts.password else None,
            config=_PATIENCE,
        )

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Store an object, replacing what stood under its key.

        Raises:
            UnavailableError: it was not stored.
        """
        what = {"Bucket": self._bucket, "Key": checked_key(key), "Body": data, "ContentType": media_type}
        with _unavailable_on_error("stored"):
            try:
                self._client.put_object(**what)
            except ClientError as error:
                if _code(error) != _NO_BUCKET:
                    raise
                self._make_bucket()
                self._client.put_object(**what)

    def get(self, key: str) -> Object | None:
        """Return an object, or none."""
        checked = checked_key(key)
        with _unavailable_on_error("read"):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=checked)
            except ClientError as error:
                if _code(error) in _ABSENT | {_NO_BUCKET}:
                    return None
                raise
            with found["Body"] as body:
                return Object(body.read(), found["ContentType"])

    def delete(self, prefix: str) -> int:
        """Remove every object whose key starts with the prefix (not empty); return how many there were."""
        removed = 0
        with _unavailable_on_error("deleted"):
            for keys in self._pages(checked_prefix(prefix)):
                told = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
                answer = self._client.delete_objects(Bucket=self._bucket, Delete=told)
                if answer.get("Errors"):
                    raise UnavailableError(f"{len(answer['Errors'])} objects could not be deleted")
                removed += len(keys)
        return removed

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _pages(self, prefix: str) -> Iterator[list[str]]:
        """Yield the keys a page (of at most 1,000) at a time."""
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                keys = [found["Key"] for found in page.get("Contents", ()) if not found["Key"].endswith("/")]
                if keys:
                    yield keys
        except ClientError as error:
            if _code(error) != _NO_BUCKET:
                raise

    def _make_bucket(self) -> None:
        try:
            self._client.create_bucket(Bucket=self._bucket)
        except ClientError as error:
            if _code(error) not in _THERE:
                raise


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _unavailable_on_error(done: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise UnavailableError(f"an object could not be {done}: {_code(error)}") from error
    except BotoCoreError as error:
        raise UnavailableError(f"an object could not be {done}: {type(error).__name__}") from error
