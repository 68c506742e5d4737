"""The answers of a finished batch: an archive behind a signed address that soon expires.

Belongs here: signing, the archive, and the words of the file store that Mailchimp keeps it in (S3, which knows no API
key). Does not: /batches (batches.py).
"""

import base64
import gzip
import hashlib
import hmac
import io
import json
import tarfile
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from pipelines.sandbox.http import Answer, Call
from pipelines.sandbox.mailchimp.model import Operation
from pipelines.sandbox.mailchimp.state import State

ROUTE = "/batch-results/{name}"
SUFFIX = "-response.tar.gz"
VALID_SECONDS = 600
MOST_IN_A_FILE = 100


def signed_url(state: State, batch_id: str) -> str:
    """Where the archive is for the next ten minutes."""
    expires = str(int(state.now().timestamp()) + VALID_SECONDS)
    path = ROUTE.format(name=f"{batch_id}{SUFFIX}")
    return f"{state.url}{path}?Expires={expires}&Signature={quote(_signature(state, batch_id, expires), safe='')}"


def _signature(state: State, batch_id: str, expires: str) -> str:
    key = f"{state.seed}:batch results".encode()
    return base64.b64encode(hmac.digest(key, f"{batch_id}:{expires}".encode(), "sha1")).decode()


def answer(state: State, call: Call) -> Answer:
    """The archive, or the refusal of the file store."""
    batch_id = call.params["name"].removesuffix(SUFFIX)
    expires, signature = call.query.get("Expires", ""), call.query.get("Signature", "")
    is_signed = hmac.compare_digest(signature.encode(), _signature(state, batch_id, expires).encode())
    if call.method != "GET" or not is_signed:
        return _refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
    if state.now().timestamp() > int(expires):
        return _refusal(403, "AccessDenied", "Request has expired")
    batch = state.batches.get(batch_id)
    if batch is None:
        return _refusal(404, "NoSuchKey", "The specified key does not exist.")
    body = archive(batch_id, state.batches.operations(batch_id), batch.completed_at)
    return Answer(200, body, {"Server": "AmazonS3", "Content-Type": "application/x-gzip"})


def _refusal(status: int, code: str, message: str) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(status, body.encode(), {"Server": "AmazonS3", "Content-Type": "application/xml"})


def archive(batch_id: str, operations: Sequence[Operation], completed_at: str) -> bytes:
    """tar.gz whose first entry is `./`, then files of answers; never a single one where there are two answers."""
    size = min(MOST_IN_A_FILE, max(1, -(-len(operations) // 2)))
    chunks = [operations[start : start + size] for start in range(0, len(operations), size)] or [()]
    moment = int(datetime.fromisoformat(completed_at).timestamp())
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as file:
        folder = tarfile.TarInfo("./")
        folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o755, moment
        file.addfile(folder)
        for number, chunk in enumerate(chunks):
            content = json.dumps([_result(operation) for operation in chunk]).encode()
            entry = tarfile.TarInfo(f"./{_file_id(batch_id, number)}.json")
            entry.size, entry.mtime = len(content), moment
            file.addfile(entry, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), mtime=moment)


def _file_id(batch_id: str, number: int) -> str:
    return hashlib.blake2b(f"{batch_id}:{number}".encode(), digest_size=5).hexdigest()


def _result(operation: Operation) -> dict[str, object]:
    return {
        "status_code": operation.status_code,
        "operation_id": operation.operation_id or None,
        "response": operation.response,
    }
